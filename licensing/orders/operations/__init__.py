"""Operations on orders. Each locks the order first (order → pool → allocation → key → subscription)."""

from licensing.orders.operations.billing_details import (
    BillingDetails,
    prefill_billing_details,
)
from licensing.orders.operations.countdown import prolong, remind_and_lapse
from licensing.orders.operations.drafts import (
    create_collectivity_draft,
    create_school_draft,
    discard_draft,
    issue_quote,
)
from licensing.orders.operations.early_start import start_early
from licensing.orders.operations.grants import get_collectivity, grant, restore, suspend
from licensing.orders.operations.order_vat import find_collectivity_vat, preview_vat
from licensing.orders.operations.placement import place, prepare_card_payment
from licensing.orders.operations.purchase_orders import receive_scan, refuse_scan
from licensing.orders.operations.review import needs_review, open_reviewed_order
from licensing.orders.operations.vat_correction import correct_vat

__all__ = [
    "BillingDetails",
    "correct_vat",
    "create_collectivity_draft",
    "create_school_draft",
    "discard_draft",
    "find_collectivity_vat",
    "get_collectivity",
    "grant",
    "issue_quote",
    "needs_review",
    "open_reviewed_order",
    "place",
    "prefill_billing_details",
    "prepare_card_payment",
    "preview_vat",
    "prolong",
    "receive_scan",
    "refuse_scan",
    "remind_and_lapse",
    "restore",
    "start_early",
    "suspend",
]
