"""A scratch database for one measure: created, migrated, and always dropped."""

from __future__ import annotations

import contextlib
import os
import sys
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent

#: Folder of real extracts beside the project, if any; every measure works without it.
SHARED = next((folder / "shared" / "data" for folder in ROOT.parents if (folder / "shared" / "data").is_dir()), None)


@contextlib.contextmanager
def scratch_database() -> Iterator[None]:
    """Connect Django to a new database for the block, then drop it."""
    usual = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"bench_peps_{os.getpid()}"
    # Keep the output of migrations out of the figures.
    with contextlib.redirect_stdout(sys.stderr):
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(usual, verbosity=0)


def url() -> str:
    """Return the URL of the connected database, for a subprocess."""
    settings = connection.settings_dict
    user = urllib.parse.quote(settings["USER"])
    password = f":{urllib.parse.quote(settings['PASSWORD'])}" if settings["PASSWORD"] else ""
    port = f"&port={settings['PORT']}" if settings["PORT"] else ""
    host = urllib.parse.quote(settings["HOST"], safe="")
    return f"postgresql://{user}{password}@/{settings['NAME']}?host={host}{port}"
