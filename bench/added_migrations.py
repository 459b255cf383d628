"""Migrations that a measure adds to those of an app, in a temporary folder."""

import contextlib
import importlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.test import override_settings

from tenants import schema_snapshot

_PACKAGE = """
import {module}
__path__ = [*{module}.__path__, *__path__]
"""
_MIGRATION = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [("{app}", "{after}")]
    operations = [{operation}]
"""


@dataclass
class BenchMigrations:
    """The migrations added to an app, and the name of the last one of it."""

    app: str
    folder: Path
    last: str

    def add_column(self, model: str, column: str) -> None:
        """Add one that adds a column with a default, which rows that are there get without being written."""
        self._add(column, f'migrations.AddField("{model}", "{column}", models.CharField(max_length=9, db_default=""))')

    def add_index(self, model: str, field: str, name: str) -> None:
        """Add one that indexes a column while rows are read and written."""
        self._add(
            name, f'AddIndexConcurrently("{model}", models.Index(fields=["{field}"], name="{name}"))', atomic=False
        )

    def _add(self, name: str, operation: str, *, atomic: bool = True) -> None:
        text = _MIGRATION.format(app=self.app, after=self.last, operation=operation, atomic=atomic)
        self.last = f"{int(self.last[:4]) + 1:04}_{name}"
        (self.folder / f"{self.last}.py").write_text(text)
        importlib.invalidate_caches()
        schema_snapshot.compute_fingerprint.cache_clear()


@contextlib.contextmanager
def added_migrations(app: str) -> Iterator[BenchMigrations]:
    """Let migrations be added to the app with this label during the block."""
    module = f"{apps.get_app_config(app).name}.migrations"
    own = importlib.import_module(module).__path__[0]
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / f"added_to_{app}"
        folder.mkdir()
        (folder / "__init__.py").write_text(_PACKAGE.format(module=module))
        sys.path.insert(0, root)
        try:
            with override_settings(MIGRATION_MODULES={**settings.MIGRATION_MODULES, app: folder.name}):
                yield BenchMigrations(app, folder, max(path.stem for path in Path(own).glob("[0-9]*.py")))
        finally:
            sys.path.remove(root)
            schema_snapshot.compute_fingerprint.cache_clear()
