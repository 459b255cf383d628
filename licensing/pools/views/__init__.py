"""The office's pages about lots and allocations."""
