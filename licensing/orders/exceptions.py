"""Exceptions of the operations on orders. Their messages are written where they are raised."""

from core.exceptions import DomainError


class NoReason(DomainError):
    code = "no_reason"


class BadBilling(DomainError):
    """Invalid billing details. `field` is the first invalid field of `BillingDetails`."""

    code = "invalid_billing"

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


class BadAmount(DomainError):
    code = "invalid_amount"


class BadReference(DomainError):
    code = "invalid_reference"


class InvalidOrderDate(DomainError):
    code = "invalid_date"


class NotInvoiceable(DomainError):
    """No invoice can be issued for this order: abroad, without VAT, or without an address."""

    code = "not_invoiceable"
