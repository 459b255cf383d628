"""Orders and their lines, invoices, payments. No licence exists without an order line.

In the public schema: one gapless series of invoice numbers a year; a collectivity sees only its own rows. Written by
`operations` only.
"""

from licensing.orders.models.books import (
    TURNED_DOWN,
    Document,
    DocumentKind,
    Invoice,
    InvoiceKind,
    InvoiceSequence,
    PlatformState,
    PlatformStatus,
    Seller,
)
from licensing.orders.models.orders import (
    Method,
    Order,
    OrderEvent,
    OrderKind,
    OrderLine,
    OrderReminder,
    OrderState,
    Payer,
    PurchaseOrderScan,
    ScanState,
)
from licensing.orders.models.payers import PublicBody
from licensing.orders.models.payments import CardPayment, Payment, PaymentMethod, ProviderEvent

__all__ = [
    "TURNED_DOWN",
    "CardPayment",
    "Document",
    "DocumentKind",
    "Invoice",
    "InvoiceKind",
    "InvoiceSequence",
    "Method",
    "Order",
    "OrderEvent",
    "OrderKind",
    "OrderLine",
    "OrderReminder",
    "OrderState",
    "Payer",
    "Payment",
    "PaymentMethod",
    "PlatformState",
    "PlatformStatus",
    "ProviderEvent",
    "PublicBody",
    "PurchaseOrderScan",
    "ScanState",
    "Seller",
]
