"""`check_migrations`: released migrations are unchanged, and new ones neither lock a table nor lose data.

Part of `make check` (docs/decisions/0075).
"""

import hashlib
import re
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from installation import migration_contents

# The migrations of released versions, which never change: their list, and what differs from it.
#
# `released_migrations.txt`, at the root of the repository, holds a line for each: SHA-256 and path
# (docs/decisions/0075). `manage.py check_migrations --release` writes it when a version is cut.

RELEASED_LIST = "released_migrations.txt"
_HEADER = "# SHA-256 and path of each migration of a released version, by `manage.py check_migrations --release`.\n"


class MigrationChanges(NamedTuple):
    """Paths, relative to the root, of released migrations that differ from the list, and of unreleased ones."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unreleased: tuple[str, ...]


def read_released(root: Path) -> dict[str, str]:
    """Return the hash of each released migration, by path; empty before the first release."""
    lines = (root / RELEASED_LIST).read_text(encoding="utf-8").splitlines()
    entries = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {path: digest for digest, path in entries}


def write_released(root: Path, paths: Iterable[str]) -> None:
    """Write the list of a new release: the migrations at `paths`, as they are now."""
    entries = "".join(f"{_hash_file(root / path)}  {path}\n" for path in sorted(paths))
    (root / RELEASED_LIST).write_text(_HEADER + entries, encoding="utf-8")


def compare_with_released(root: Path, paths: Iterable[str]) -> MigrationChanges:
    """Compare the migrations at `paths` with the released list."""
    released = read_released(root)
    present = set(paths)
    return MigrationChanges(
        changed=tuple(sorted(path for path in present & released.keys() if _hash_file(root / path) != released[path])),
        missing=tuple(sorted(released.keys() - present)),
        unreleased=tuple(sorted(present - released.keys())),
    )


def _hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
        changes = compare_with_released(root, migrations)
        if changes.changed or changes.missing:
            raise CommandError(
                "Une version publiée contient ces migrations, qui ne changent plus (ajoutez-en une autre) :\n"
                + "\n".join(f"  {path}" for path in (*changes.changed, *changes.missing))
            )
        if read_released(root):
            self._lint({path: migrations[path] for path in changes.unreleased}, root)
        if options["release"]:
            write_released(root, migrations)
            self.stdout.write(f"{len(migrations)} migrations enregistrées dans {RELEASED_LIST}.")

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
