"""`create_database_roles`: the database and its roles, made once by an administrator; again to correct them."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from core import database_access, start_checks
from core.connections import connected_as_owner
from core.database_access import DatabaseRoles, Login, RolesRefused
from tenants import privileges, schema_snapshot
from tenants.models import SchemaSnapshot


class Command(BaseCommand):
    help = (
        "Crée la base et ses rôles (propriétaire, application, lecteur) d'après OWNER_DATABASE_URL, DATABASE_URL et "
        "READER_DATABASE_URL, avec les droits de ADMINISTRATOR_DATABASE_URL ; corrige ceux qui existent."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Create or correct roles, ownership and privileges. Raises `CommandError` where a URL is missing."""
        application, owner, reader = settings.DATABASES["default"], settings.DATABASE_OWNER, settings.DATABASE_READER
        administrator = settings.DATABASE_ADMINISTRATOR
        if owner is None or administrator is None:
            raise CommandError(
                "Indiquez OWNER_DATABASE_URL (le rôle à créer, son mot de passe) et ADMINISTRATOR_DATABASE_URL "
                "(un rôle qui peut en créer), à côté de DATABASE_URL."
            )
        roles = DatabaseRoles(*(Login(role["USER"], role["PASSWORD"]) for role in (owner, application, reader)))
        name = application["NAME"]
        try:
            with database_access.connect(administrator) as server:
                database_access.create_roles(server, roles)
                created = database_access.create_database(server, name, roles)
            with database_access.connect(administrator, name) as database:
                if faults := start_checks.list_database_faults(database.cursor()):
                    raise CommandError(start_checks.describe_faults(faults))
                transferred = database_access.transfer_ownership(database, roles.owner.name)
                is_spread = database_access.spread_roles(database, roles)
        except RolesRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        with connected_as_owner("L'attribution des droits"):
            _create_extensions()
            is_migrated = "tenants_schemasnapshot" in connection.introspection.table_names()
            if is_migrated:
                privileges.define_functions()
                # Recorded without the reader, if it is new.
                SchemaSnapshot.objects.all().delete()
                schema_snapshot.refresh()
                privileges.grant_everywhere()
        self._report(roles, name, created=created, transferred=transferred, is_migrated=is_migrated)
        if is_spread:
            self.stdout.write("Les nœuds connaissent ces rôles.")

    def _report(
        self, roles: DatabaseRoles, database: str, *, created: bool, transferred: int, is_migrated: bool
    ) -> None:
        self.stdout.write(
            f"Base {database} : {'créée' if created else 'existante'}, {transferred} objets changés de propriétaire.\n"
            f"{roles.owner.name} possède les tables : OWNER_DATABASE_URL, pour migrate_schemas seulement.\n"
            f"{roles.application.name} sert le site : DATABASE_URL, pour les processus web et les travailleurs.\n"
            f"{roles.reader.name} lit pour les rapports, sans les secrets"
            + (" : READER_DATABASE_URL." if roles.reader.password else " ; sans mot de passe pour l'instant.")
        )
        self.stdout.write(
            "Les droits sont accordés." if is_migrated else "Lancez migrate_schemas, qui crée les tables et les droits."
        )


def _create_extensions() -> None:
    """Create what the migrations need, as they would. Raises `CommandError` where the owner cannot."""
    for extension in start_checks.EXTENSIONS:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        except DatabaseError as error:
            raise CommandError(
                f"Le propriétaire ne peut pas créer l'extension {extension} : {str(error).splitlines()[0]}\n"
                "Installez les modules « contrib » de PostgreSQL, ou faites-la créer par l'administrateur de la base "
                f"(CREATE EXTENSION {extension}), puis relancez la commande."
            ) from error
