"""Invariants checked over every collectivity: `manage.py audit`."""
