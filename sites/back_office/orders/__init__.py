"""Back office of sales: orders, signed purchase orders, invoices, payments, public payers and the seller.

Rows are read-only; operations change them, each behind a confirmation page. One module per model.
"""

from sites.back_office.orders.card_payments import CardPaymentAdmin, ProviderEventAdmin
from sites.back_office.orders.invoices import InvoiceAdmin
from sites.back_office.orders.orders import OrderAdmin
from sites.back_office.orders.payments import PaymentAdmin
from sites.back_office.orders.public_bodies import PublicBodyAdmin
from sites.back_office.orders.purchase_order_scans import PurchaseOrderScanAdmin
from sites.back_office.orders.seller import SellerAdmin

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
