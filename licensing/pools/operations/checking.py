"""Foreign keys are looked at while Python prepares what comes next, and not when everybody waits for the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.meanwhile import meanwhile

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

# What is written afterwards in this transaction is looked at when it commits, as ever.
_CHECK = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"


def keys_checked_meanwhile() -> AbstractContextManager[None]:
    """Have the database check the foreign keys written so far during the block, which must not use the connection.

    Raises `IntegrityError` at the end of the block where a row refers to none.
    """
    return meanwhile(lambda raw: raw.execute(_CHECK))
