"""Operations on orders. Each locks the order first (order → pool → allocation → key → subscription)."""

from licensing.orders.operations.drafts import (
    create_collectivity_draft,
    create_school_draft,
    discard_draft,
    issue_quote,
)
from licensing.orders.operations.early_start import start_early
from licensing.orders.operations.grants import get_collectivity, grant, restore, suspend
from licensing.orders.operations.placement import place, prepare_card_payment
from licensing.orders.operations.review import needs_review, open_reviewed_order

__all__ = [
    "create_collectivity_draft",
    "create_school_draft",
    "discard_draft",
    "get_collectivity",
    "grant",
    "issue_quote",
    "needs_review",
    "open_reviewed_order",
    "place",
    "prepare_card_payment",
    "restore",
    "start_early",
    "suspend",
]
