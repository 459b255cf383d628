"""Documents that precede the invoice: quotes and purchase orders.

A document is rendered on first request and stored with its hash, so that it never changes afterwards.
"""

from licensing.billing.documents.purchase_order import get_or_create_purchase_order
from licensing.billing.documents.quote import get_or_create_quote
from licensing.billing.documents.storage import DocumentUnavailable, build_download

__all__ = ["DocumentUnavailable", "build_download", "get_or_create_purchase_order", "get_or_create_quote"]
