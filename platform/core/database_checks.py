"""What the database must be before anything is stored in it: UTF-8, letters beyond ASCII, PostgreSQL 15.

Neither can be changed later but by a dump and a new database; where they are wrong nothing fails at first: an accent is
two letters, « É » has no small letter, and searches miss both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

#: The oldest PostgreSQL that Django 6.1 works with.
MIN_VERSION = 15
#: What the migrations install: contrib modules, which the owner of a database may.
EXTENSIONS = ("btree_gist", "pg_trgm", "unaccent")
#: Locales whose letters are those of ASCII.
_ASCII_LOCALES = ("C", "POSIX")

_DATABASE = """
SELECT current_setting('server_version_num')::int / 10000, pg_encoding_to_char(encoding), datctype
FROM pg_database WHERE datname = current_database()
"""
_SORTS_FRENCH = r"SELECT U&'\00C9cole' < 'Lycee'"


class Cursor(Protocol):
    """A cursor of psycopg or of Django."""

    def execute(self, query: Any) -> Any: ...

    def fetchone(self) -> Any: ...


def list_database_faults(cursor: Cursor) -> list[str]:
    """Return one sentence for each thing that is wrong with the connected database. One query."""
    cursor.execute(_DATABASE)
    version, encoding, letters = cursor.fetchone()
    faults = []
    if version < MIN_VERSION:
        faults.append(f"PostgreSQL is {version}, and {MIN_VERSION} at least is needed.")
    if encoding != "UTF8":
        faults.append(f"The database's encoding is {encoding}, and must be UTF8.")
    if letters in _ASCII_LOCALES:
        faults.append(f"The database's LC_CTYPE is {letters}, which knows no letters but those of ASCII.")
    return faults


def sorts_french(cursor: Cursor) -> bool:
    """Return whether the connected database, in UTF-8, sorts « École » before « Lycée ». One query."""
    cursor.execute(_SORTS_FRENCH)
    [is_before] = cursor.fetchone()
    return bool(is_before)


def refuse_unfit_database() -> None:
    """Raise `ImproperlyConfigured` on a server whose database is not as `list_database_faults` has it.

    A database that does not answer is no reason: the process starts, and says so to whoever asks.
    """
    if not settings.PRODUCTION:
        return
    try:
        with connection.cursor() as cursor:
            faults = list_database_faults(cursor)
    except OperationalError:
        return
    finally:
        # Not to be shared with the processes that a server forks.
        connection.close()
    if faults:
        raise ImproperlyConfigured(describe_faults(faults))


def describe_faults(faults: Iterable[str]) -> str:
    """Return a message with every fault, and how a database without them is made."""
    sentences = "\n".join(f"- {fault}" for fault in faults)
    return (
        f"The database cannot be used (see docs/deploy.md):\n{sentences}\n"
        "manage.py create_database_roles makes one that can where DATABASE_URL names a database that is not there yet."
    )
