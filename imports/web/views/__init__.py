"""Import pages: list, upload, verification, rows, and the next steps."""
