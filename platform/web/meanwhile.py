"""What the database does while Python prepares what comes next, and not when everybody waits for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection


@contextmanager
def meanwhile(run: Callable[[Connection[Any]], object]) -> Iterator[None]:
    """Have `run` use the connection, in the transaction that is open, during the block, which must not use it.

    Raises at the end of the block what `run` raised, the database's errors as Django's; what the block raises goes
    first.
    """
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors, ThreadPoolExecutor(1, thread_name_prefix="meanwhile") as aside:
        done = aside.submit(run, raw)
        yield
        done.result()
