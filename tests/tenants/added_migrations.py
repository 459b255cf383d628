"""Migrations that a test adds to the app `imports`, in a folder of its own."""

import importlib
import itertools
import sys
from pathlib import Path

import imports.migrations

_numbers = itertools.count(1)

_PACKAGE = """
import imports.migrations
__path__ = [*imports.migrations.__path__, *__path__]
"""
_MIGRATION = """
import uuid
import django.contrib.postgres.operations
from django.db import migrations, models
{setup}

class Migration(migrations.Migration):
    dependencies = [("imports", "{after}")]
    atomic = {atomic}
    operations = [{operations}]
"""
COLUMN = """
migrations.AddField("spreadsheetimport", "note", models.CharField(max_length=20, default="", db_default="")),
"""
#: The last migration that the app has by itself.
_LAST = max(path.stem for path in Path(imports.migrations.__path__[0]).glob("[0-9]*.py"))


class AddedMigrations:
    """Adds migrations after those of the app `imports`, one after another."""

    def __init__(self, folder: Path, settings) -> None:
        self.package = folder / f"added_migrations_{next(_numbers)}"
        self.package.mkdir()
        (self.package / "__init__.py").write_text(_PACKAGE)
        self.settings, self.last = settings, _LAST
        sys.path.insert(0, str(folder))

    def add(self, name: str, operations: str, *, setup: str = "", atomic: bool = True) -> None:
        """Add a migration; `operations` is the text of its list, which may use what `setup` defines."""
        text = _MIGRATION.format(setup=setup, after=self.last, atomic=atomic, operations=operations)
        (self.package / f"{name}.py").write_text(text)
        self.last = name
        importlib.invalidate_caches()
        self.settings.MIGRATION_MODULES = {"imports": self.package.name}

    def close(self) -> None:
        """Forget the folder."""
        sys.path.remove(str(self.package.parent))
