"""Operations on orders. Each locks the order first (order → pool → allocation → key → subscription)."""

from licensing.orders.operations.amending import cancel, prolong, reinvoice
from licensing.orders.operations.billing import Billing, complete, prefilled
from licensing.orders.operations.depositing import record_deposit, record_status
from licensing.orders.operations.drafting import discard, draft_for_collectivity, draft_for_school, quote
from licensing.orders.operations.granting import collectivity_of, grant, restore, suspend
from licensing.orders.operations.lapsing import remind_and_lapse
from licensing.orders.operations.paying import balance, received, record_payment, refund, settle_by_card
from licensing.orders.operations.placing import choose_card, place
from licensing.orders.operations.receiving import confirm, live_invoice, receive_scan, refuse_scan

__all__ = [
    "Billing",
    "balance",
    "cancel",
    "choose_card",
    "collectivity_of",
    "complete",
    "confirm",
    "discard",
    "draft_for_collectivity",
    "draft_for_school",
    "grant",
    "live_invoice",
    "place",
    "prefilled",
    "prolong",
    "quote",
    "receive_scan",
    "received",
    "record_deposit",
    "record_payment",
    "record_status",
    "refund",
    "refuse_scan",
    "reinvoice",
    "remind_and_lapse",
    "restore",
    "settle_by_card",
    "suspend",
]
