"""URLs of the office's pages, and of the portal's page to request an office."""
