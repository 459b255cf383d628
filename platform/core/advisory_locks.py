"""PostgreSQL advisory locks by name: whoever holds one keeps others out of the same work."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def try_transaction_lock(name: str) -> bool:
    """Try to take the lock until the end of the transaction; return whether it was free."""
    return bool(_call("pg_try_advisory_xact_lock", name))


def hold_transaction_lock(name: str) -> None:
    """Hold the lock until the end of the transaction, after waiting for whoever holds it."""
    _call("pg_advisory_xact_lock", name)


def share_transaction_lock(name: str) -> None:
    """Hold the lock, together with others who share it, until the end of the transaction."""
    _call("pg_advisory_xact_lock_shared", name)


@contextmanager
def try_session_lock(name: str) -> Iterator[bool]:
    """Try to hold the lock during the block, across transactions; yield whether it was free."""
    acquired = bool(_call("pg_try_advisory_lock", name))
    try:
        yield acquired
    finally:
        if acquired:
            _call("pg_advisory_unlock", name)


@contextmanager
def hold_session_lock(name: str) -> Iterator[None]:
    """Hold the lock during the block, across transactions, after waiting for whoever holds it."""
    _call("pg_advisory_lock", name)
    try:
        yield
    finally:
        _call("pg_advisory_unlock", name)


def _call(function: str, name: str) -> object:
    # PostgreSQL knows the lock by 64 bits: the start of the name's SHA-256.
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [number])
        return cursor.fetchone()[0]
