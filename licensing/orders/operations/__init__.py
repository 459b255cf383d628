"""Operations on orders. Each locks the order first (order → pool → allocation → key → subscription)."""

from licensing.billing.operations import record_deposit, record_platform_status
from licensing.orders.operations.amendments import cancel, prolong, reissue_invoice
from licensing.orders.operations.billing_details import (
    BillingDetails,
    complete_billing_details,
    prefill_billing_details,
)
from licensing.orders.operations.countdown import remind_and_lapse
from licensing.orders.operations.drafts import (
    create_collectivity_draft,
    create_school_draft,
    discard_draft,
    issue_quote,
)
from licensing.orders.operations.grants import get_collectivity, grant, restore, suspend
from licensing.orders.operations.placement import place, prepare_card_payment
from licensing.orders.operations.purchase_orders import confirm, get_current_invoice, receive_scan, refuse_scan
from licensing.payments.operations import get_amount_received, get_balance, record_payment, refund, settle_by_card

__all__ = [
    "BillingDetails",
    "cancel",
    "complete_billing_details",
    "confirm",
    "create_collectivity_draft",
    "create_school_draft",
    "discard_draft",
    "get_amount_received",
    "get_balance",
    "get_collectivity",
    "get_current_invoice",
    "grant",
    "issue_quote",
    "place",
    "prefill_billing_details",
    "prepare_card_payment",
    "prolong",
    "receive_scan",
    "record_deposit",
    "record_payment",
    "record_platform_status",
    "refund",
    "refuse_scan",
    "reissue_invoice",
    "remind_and_lapse",
    "restore",
    "settle_by_card",
    "suspend",
]
