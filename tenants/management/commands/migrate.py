"""`migrate` is `migrate_schemas`, so that no schema is left behind."""

from tenants.management.commands.migrate_schemas import Command

__all__ = ["Command"]
