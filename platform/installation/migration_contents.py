"""Whether the database was made by the migrations of this code: their contents, noted when they are first applied.

Django knows a migration by its name: one that was edited after it was applied counts as applied. Why and what to do:
docs/decisions/0075.
"""

import functools
import hashlib
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError, connection

from installation.models import MigrationContent

_WHAT_TO_DO = (
    "Revenez aux fichiers avec lesquels la base a été faite, et ajoutez une migration ; ou, si rien n'y est à garder, "
    "refaites la base. Quand vous avez vous-même mis les tables en accord : manage.py migrate_schemas --accept-changed."
)


def list_migrations() -> dict[str, tuple[str, str]]:
    """Return the app label and the name of each migration of the project's own apps, by path from the root."""
    root = Path(settings.ROOT)
    found: dict[str, tuple[str, str]] = {}
    for config in apps.get_app_configs():
        folder = Path(config.path)
        if not folder.is_relative_to(root) or "site-packages" in folder.parts:
            continue
        for path in sorted((folder / "migrations").glob("[0-9]*.py")):
            found[path.relative_to(root).as_posix()] = (config.label, path.stem)
    return found


@functools.cache
def read_contents() -> dict[tuple[str, str], str]:
    """Return the hash of each migration's file, by app label and name."""
    root = Path(settings.ROOT)
    return {name: hashlib.sha256((root / path).read_bytes()).hexdigest() for path, name in list_migrations().items()}


def find_changed() -> list[str]:
    """Return the migrations, as `app.name`, that differ from what was applied here; none where nothing is noted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.installation_migrationcontent') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return []
    contents = read_contents()
    applied = MigrationContent.objects.order_by("app", "name").values_list("app", "name", "sha256")
    return [f"{app}.{name}" for app, name, sha256 in applied if contents.get((app, name), sha256) != sha256]


def describe_changed(changed: list[str]) -> str:
    """Return the French sentences for whoever finds these migrations changed."""
    listed = "".join(f"\n  {one}" for one in changed)
    return f"Ces migrations ne sont plus celles qui ont fait cette base :{listed}\n{_WHAT_TO_DO}"


def refuse_changed_migrations() -> None:
    """Raise `ImproperlyConfigured` where the database was made by other migrations than those of this code.

    A database that does not answer, or that this role cannot read yet, is no reason: the process starts, and says so.
    """
    try:
        changed = find_changed()
    except (OperationalError, ProgrammingError):
        return
    finally:
        # Not to be shared with the processes that a server forks.
        connection.close()
    if changed:
        raise ImproperlyConfigured(describe_changed(changed))


def note_contents(*, anew: bool = False) -> None:
    """Note the contents of those that are not noted yet, or of all anew. As the owner, after the public migrations."""
    if anew:
        MigrationContent.objects.all().delete()
    rows = [MigrationContent(app=app, name=name, sha256=sha256) for (app, name), sha256 in read_contents().items()]
    MigrationContent.objects.bulk_create(rows, ignore_conflicts=True)
