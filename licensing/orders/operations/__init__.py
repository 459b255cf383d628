"""What happens to orders. Each operation locks the order first (order → pool → allocation → key → subscription)."""

from licensing.orders.operations.granting import collectivity_of, grant, restore, suspend

__all__ = ["collectivity_of", "grant", "restore", "suspend"]
