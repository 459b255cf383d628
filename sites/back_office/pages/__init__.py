"""The operator's pages of our own."""
