"""Back office of sales."""
