"""`migrate_schemas`, and `migrate`: the public schema first, then every collectivity with unapplied migrations."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django_tenants.management.commands.migrate_schemas import MigrateSchemasCommand
from django_tenants.utils import get_tenant_base_migrate_command_class

from core.advisory_locks import hold_session_lock
from core.connections import connected_as_owner, connection
from core.start_checks import refuse_unfit_database
from installation import migration_contents
from tenants import cluster, privileges, schema_migrations, schema_snapshot
from tenants.schema_migrations import MigrationFailure

#: Options left to django-tenants' own command: partial or dry runs.
_PASSED_ON = ("app_label", "migration_name", "fake", "fake_initial", "plan", "prune", "check_unapplied")


class Command(MigrateSchemasCommand):
    help = "Met à jour le schéma public, puis ceux des collectivités qui sont en retard."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to do of migrations that were edited after they were applied."""
        super().add_arguments(parser)
        parser.add_argument(
            "--accept-changed",
            action="store_true",
            help="prend pour appliquées telles qu'elles sont les migrations qui ont changé depuis",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate all schemas. Raises `CommandError` after the last one where any failed; can be run again."""
        try:
            refuse_unfit_database()
        except ImproperlyConfigured as refusal:
            raise CommandError(str(refusal)) from refusal
        with connected_as_owner("La mise à jour des schémas"):
            self._migrate(*args, **options)

    def _migrate(self, *args: Any, **options: Any) -> None:
        if any(options.get(name) for name in _PASSED_ON):
            # New tables stay out of reach until a run of all migrations grants them.
            super().handle(*args, **options)
            return
        schema = options.get("schema_name")
        accepts_changed = bool(options.pop("accept_changed", False))
        with hold_session_lock(schema_migrations.LOCK):
            if not accepts_changed and (changed_files := migration_contents.find_changed()):
                raise CommandError(migration_contents.describe_changed(changed_files))
            if options.get("shared") or not (schema or options.get("tenant")) or schema == "public":
                with cluster.kept_to_coordinator():
                    self._migrate_public(options)
                migration_contents.note_contents(anew=accepts_changed)
            changed = privileges.define_functions()
            if schema is None and not options.get("tenant"):
                cluster.distribute(self.stdout.write if int(options["verbosity"]) else lambda _: None)
            failed = []
            if schema != "public" and not options.get("shared"):
                failed = self._migrate_collectivities([schema] if schema else None, int(options["verbosity"]))
            schema_snapshot.refresh()
            if changed:
                privileges.grant_everywhere()
            else:
                privileges.grant(privileges.find_ungranted())
        if failed:
            lines = "\n".join(f"  {failure.schema} : {failure.error}" for failure in failed)
            raise CommandError(f"En échec, à reprendre en relançant la commande :\n{lines}")

    def _migrate_public(self, options: dict[str, Any]) -> None:
        connection.set_schema_to_public()
        command = get_tenant_base_migrate_command_class()()
        command.stdout, command.stderr = self.stdout, self.stderr
        command.execute(**options)

    def _migrate_collectivities(self, schemas: list[str] | None, verbosity: int) -> list[MigrationFailure]:
        def report(line: str) -> None:
            if verbosity:
                self.stdout.write(line)

        outcome = schema_migrations.migrate_collectivities(schemas=schemas, report=report)
        report(
            f"Collectivités : {outcome.up_to_date} déjà à jour, {len(outcome.migrated)} mises à jour, "
            f"{len(outcome.failed)} en échec."
        )
        return outcome.failed
