"""API of imports: the same operations as on the pages."""
