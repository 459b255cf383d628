"""Documents that precede the invoice: quotes and purchase orders.

A document is rendered on first request and stored with its hash, so that it never changes afterwards.
"""

from licensing.orders.papers.keeping import NoPaper, download
from licensing.orders.papers.purchase_order import purchase_order_document
from licensing.orders.papers.quote import quote_document

__all__ = ["NoPaper", "download", "purchase_order_document", "quote_document"]
