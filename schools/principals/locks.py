"""The lock of a school's principals: they change one after another, and no subscription is credited meanwhile.

Of no row: the directory stands on several machines, where a lock of one row of it would keep all others waiting.
"""

from __future__ import annotations

from core.advisory_locks import hold_transaction_lock, share_transaction_lock

_NAME = "schools/principals/{}"


def lock_principals(uai: str) -> None:
    """Keep the school's principals as they are, and let nobody credit a subscription to it, in this transaction."""
    hold_transaction_lock(_NAME.format(uai))


def share_principals(uai: str | None) -> None:
    """Wait for whoever changes the school's principals, and keep them unchanged until the end of the transaction.

    For a subscription that is to be credited: its transfer to a successor then misses none. None: no school.
    """
    if uai is not None:
        share_transaction_lock(_NAME.format(uai))
