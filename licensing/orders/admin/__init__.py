"""Back office of sales: orders, signed purchase orders, invoices, payments, public payers and the seller.

Rows are read-only; operations change them, each behind a confirmation page. One module per model.
"""

from licensing.orders.admin.cards import CardPaymentAdmin, ProviderEventAdmin
from licensing.orders.admin.invoices import InvoiceAdmin
from licensing.orders.admin.orders import OrderAdmin
from licensing.orders.admin.payments import PaymentAdmin
from licensing.orders.admin.public_bodies import PublicBodyAdmin
from licensing.orders.admin.scans import PurchaseOrderScanAdmin
from licensing.orders.admin.seller import SellerAdmin

__all__ = [
    "CardPaymentAdmin",
    "InvoiceAdmin",
    "OrderAdmin",
    "PaymentAdmin",
    "ProviderEventAdmin",
    "PublicBodyAdmin",
    "PurchaseOrderScanAdmin",
    "SellerAdmin",
]
