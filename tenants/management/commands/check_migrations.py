"""`check_migrations`: released migrations are unchanged, and new ones neither lock a table nor lose data.

Part of `make check` (docs/decisions/0075).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from installation import migration_contents
from tenants import released_migrations

#: In a migration's text: it locks or loses on purpose; the rest of the line is the reason.
EXEMPTION = "# Locks or loses on purpose: "
#: Checks of django-migration-linter that are warnings there: each holds a lock for as long as an index is built.
_LOCKING_CHECKS = ["CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE", "DROP_INDEX", "REINDEX"]

_UNNAMED_CONSTRAINT = re.compile(
    r"\bADD COLUMN (?:(?! CONSTRAINT |;).)*(?: UNIQUE\b| PRIMARY KEY\b| REFERENCES\b| CHECK \()", re.DOTALL
)


class Command(BaseCommand):
    help = "Vérifie que les migrations publiées sont inchangées et que les nouvelles ne bloquent ni ne perdent rien."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--release", action="store_true", help="enregistre les migrations de la version publiée")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Compare, then lint. Raises `CommandError` with the paths that fail."""
        root = Path(settings.ROOT)
        migrations = migration_contents.list_migrations()
        changes = released_migrations.compare_with_released(root, migrations)
        if changes.changed or changes.missing:
            raise CommandError(
                "Une version publiée contient ces migrations, qui ne changent plus (ajoutez-en une autre) :\n"
                + "\n".join(f"  {path}" for path in (*changes.changed, *changes.missing))
            )
        if released_migrations.read_released(root):
            self._lint({path: migrations[path] for path in changes.unreleased}, root)
        if options["release"]:
            released_migrations.write_released(root, migrations)
            self.stdout.write(f"{len(migrations)} migrations enregistrées dans {released_migrations.RELEASED_LIST}.")

    def _lint(self, migrations: dict[str, tuple[str, str]], root: Path) -> None:
        names = [
            name for path, name in migrations.items() if EXEMPTION not in (root / path).read_text(encoding="utf-8")
        ]
        unsafe = find_unsafe(names)
        if unsafe:
            raise CommandError(
                "Ces migrations bloquent une table ou perdent des données :\n"
                + "\n".join(f"  {app} {name}" for app, name in unsafe)
                + f"\nSi c'est voulu, dites pourquoi dans le fichier : « {EXEMPTION}… »"
            )
        unnamed = find_unnamed_constraints(names)
        if unnamed:
            raise CommandError(
                "Ces migrations ajoutent une colonne avec une contrainte sans nom, ce que refuse une base répartie :\n"
                + "\n".join(f"  {app} {name}" for app, name in unnamed)
                + "\nAjoutez la colonne (IntegerField au lieu de PositiveIntegerField, sans unique=True), puis la"
                " contrainte par AddConstraint."
            )


def find_unnamed_constraints(migrations: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those of the migrations (app label, name) that add a column and its constraint in one, without a name."""
    return [
        (app, name)
        for app, name in migrations
        if _UNNAMED_CONSTRAINT.search(call_command("sqlmigrate", app, name, stdout=StringIO()))
    ]


def find_unsafe(migrations: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those of the migrations (app label, name) that django-migration-linter refuses; it prints the reasons."""
    from django_migration_linter import MigrationLinter  # noqa: PLC0415 - installed for development only

    linter = MigrationLinter(
        no_cache=True, analyser_string="postgresql", warnings_as_errors_tests=_LOCKING_CHECKS, quiet=["ok", "warning"]
    )
    unsafe = []
    for app, name in migrations:
        linter.reset_counters()
        linter.lint_migration(linter.migration_loader.disk_migrations[app, name])
        if linter.has_errors:
            unsafe.append((app, name))
    return unsafe
