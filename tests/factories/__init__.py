"""Model factories, one module per app."""
