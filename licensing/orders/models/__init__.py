"""Orders and their lines, invoices, payments. No licence exists without an order line.

In the public schema: one gapless series of invoice numbers a year; a collectivity sees only its own rows. Written by
`operations` only.
"""

from licensing.billing.models import (
    REJECTED_STATES,
    BillingDocument,
    BillingDocumentKind,
    Invoice,
    InvoiceKind,
    InvoiceSequence,
    PlatformState,
    PlatformStatus,
    Seller,
)
from licensing.orders.models.orders import (
    Order,
    OrderEvent,
    OrderKind,
    OrderLine,
    OrderReminder,
    OrderState,
    Payer,
    PurchaseOrderScan,
    ScanState,
    SettlementMethod,
)
from licensing.orders.models.payers import PublicBody
from licensing.payments.models import CardPayment, Payment, PaymentMethod, ProviderEvent

__all__ = [
    "REJECTED_STATES",
    "BillingDocument",
    "BillingDocumentKind",
    "CardPayment",
    "Invoice",
    "InvoiceKind",
    "InvoiceSequence",
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
    "SettlementMethod",
]
