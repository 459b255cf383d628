"""The office's pages about pools and allocations."""
