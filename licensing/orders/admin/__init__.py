"""The operator's desk over the shop: orders, the purchase orders received, invoices, payments, and who sells.

Everything is read here and changed by operations, each behind a page that says what will happen. `deeds` holds that
page; a module an object.
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
