"""`migrate` is `migrate_schemas`: nobody migrates the public schema and forgets the others."""

from tenants.management.commands.migrate_schemas import Command

__all__ = ["Command"]
