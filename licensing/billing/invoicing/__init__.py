"""Invoices and credit notes: gapless numbers, a frozen snapshot, and the XML and PDF rendered from it.

What issues is called by operations that hold the order's lock and record the event.
"""

from licensing.billing.invoicing.batch import build_batch_list, list_undeposited, write_batch
from licensing.billing.invoicing.issuance import issue_credit_note, issue_invoice, issue_partial_credit_note
from licensing.billing.invoicing.stored_pdf import get_or_create_document

__all__ = [
    "build_batch_list",
    "get_or_create_document",
    "issue_credit_note",
    "issue_invoice",
    "issue_partial_credit_note",
    "list_undeposited",
    "write_batch",
]
