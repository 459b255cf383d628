"""Back office of sales: orders, purchase orders, invoices, payments, accounting, public payers and the seller.

Rows are read-only; operations change them, each behind a confirmation page. One module per model.
"""

from sites.back_office.sales.accounting import AccountingAdmin, BalanceTransactionAdmin
from sites.back_office.sales.card_payments import CardPaymentAdmin, ProviderEventAdmin
from sites.back_office.sales.e_reporting import PeriodReportAdmin
from sites.back_office.sales.invoices import InvoiceAdmin
from sites.back_office.sales.orders import OrderAdmin
from sites.back_office.sales.payments import PaymentAdmin
from sites.back_office.sales.public_bodies import PublicBodyAdmin
from sites.back_office.sales.purchase_order_scans import PurchaseOrderScanAdmin
from sites.back_office.sales.seller import SellerAdmin

__all__ = [
    "AccountingAdmin",
    "BalanceTransactionAdmin",
    "CardPaymentAdmin",
    "InvoiceAdmin",
    "OrderAdmin",
    "PaymentAdmin",
    "PeriodReportAdmin",
    "ProviderEventAdmin",
    "PublicBodyAdmin",
    "PurchaseOrderScanAdmin",
    "SellerAdmin",
]
