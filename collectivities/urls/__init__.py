"""The addresses of the office's own pages, and of the portal's page to ask for one."""
