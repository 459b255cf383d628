"""A scratch database for one measure: created, migrated, and always dropped."""

import contextlib
import os
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django_tenants.utils import schema_context

from core.connections import connected_as_owner, connection
from tenants.template_database import adopt_copy, ensure_template

ROOT = Path(__file__).resolve().parent.parent

#: Folder of real extracts beside the project, if any; every measure works without it.
SHARED = next((folder / "shared" / "data" for folder in ROOT.parents if (folder / "shared" / "data").is_dir()), None)


_USE = "Le banc d'essai"


@contextlib.contextmanager
def scratch_database(name: str = "") -> Iterator[None]:
    """Connect Django, as the application, to a new database of the owner for the block, then drop it.

    `name`: of one that is made beside another.
    """
    usual = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"bench_peps_{os.getpid()}{name}"
    # Keep the output of migrations out of the figures.
    with contextlib.redirect_stdout(sys.stderr), connected_as_owner(_USE):
        connection.settings_dict["TEST"]["TEMPLATE"] = ensure_template()
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        adopt_copy()
    connection.close()
    try:
        yield
    finally:
        connection.close()
        with connected_as_owner(_USE):
            connection.creation.destroy_test_db(usual, verbosity=0)


@contextlib.contextmanager
def as_owner() -> Iterator[None]:
    """Let the statements of the block be the owner's, in the current schema: what the application may not do."""
    # Before the owner's connection replaces the one that has it.
    schema = connection.schema_name
    with connected_as_owner(_USE), schema_context(schema):
        yield


def url(role: dict[str, Any] | None = None) -> str:
    """Return the URL of the connected database, for a subprocess: of the application, or of another role."""
    settings = connection.settings_dict
    if role is not None:
        settings = settings | {name: role[name] for name in ("USER", "PASSWORD")}
    user = urllib.parse.quote(settings["USER"])
    password = f":{urllib.parse.quote(settings['PASSWORD'])}" if settings["PASSWORD"] else ""
    port = f"&port={settings['PORT']}" if settings["PORT"] else ""
    host = urllib.parse.quote(settings["HOST"], safe="")
    return f"postgresql://{user}{password}@/{settings['NAME']}?host={host}{port}"
