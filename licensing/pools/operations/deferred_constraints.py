"""Check deferred constraints in a thread while Python works, instead of at commit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterator

# Deferred again at the end: what is written afterwards is checked at commit.
_CHECK = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"


@contextmanager
def check_constraints_in_background() -> Iterator[None]:
    """Check the foreign keys written so far during the block, which must not use the connection.

    Raises `IntegrityError` at the end of the block on a violation.
    """
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, ThreadPoolExecutor(1, thread_name_prefix="checking") as executor:
        check = executor.submit(raw.execute, _CHECK)
        yield
        check.result()
