"""The papers before the invoice: quotes and purchase orders, made out once and found again as they were.

What an accountant receives must be what we hold: a paper is rendered when it is first asked for, and kept with its hash
(`keeping`).
"""

from licensing.orders.papers.keeping import NoPaper, download
from licensing.orders.papers.purchase_order import purchase_order_document
from licensing.orders.papers.quote import quote_document

__all__ = ["NoPaper", "download", "purchase_order_document", "quote_document"]
