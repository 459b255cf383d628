"""Invoices and credit notes: gapless numbers, a frozen snapshot, and the XML and PDF rendered from it.

`issue` and `credit` are called by operations that hold the order's lock and record the event.
"""

from licensing.orders.invoicing.batch import to_deposit
from licensing.orders.invoicing.batch import write as write_batch
from licensing.orders.invoicing.documents import document_of
from licensing.orders.invoicing.issuing import credit, issue

__all__ = ["credit", "document_of", "issue", "to_deposit", "write_batch"]
