"""Invoices and credit notes: numbers without a gap, facts that stay, the XML and the PDF that say the same.

`issue` and `credit` are steps of the operations on orders, which have locked the order and say who did it.
"""

from licensing.orders.invoicing.batch import to_deposit
from licensing.orders.invoicing.batch import write as write_batch
from licensing.orders.invoicing.documents import document_of
from licensing.orders.invoicing.issuing import credit, issue

__all__ = ["credit", "document_of", "issue", "to_deposit", "write_batch"]
