"""Foreign keys are looked at while Python prepares what comes next, and not when everybody waits for the commit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is written afterwards in this transaction is looked at when it commits, as ever.
_CHECK = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"


@contextmanager
def keys_checked_meanwhile() -> Iterator[None]:
    """Have the database check the foreign keys written so far during the block, which must not use the connection.

    Raises `IntegrityError` at the end of the block where a row refers to none.
    """
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, ThreadPoolExecutor(1, thread_name_prefix="checking") as aside:
        checked = aside.submit(raw.execute, _CHECK)
        yield
        checked.result()
