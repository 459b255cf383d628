"""Exceptions of the operations on orders. Their messages are written where they are raised."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class UnknownCollectivity(LicensingError):
    code = "unknown_collectivity"


class UnknownOrder(LicensingError):
    code = "unknown_order"


class NoReason(LicensingError):
    code = "no_reason"


class NameTooLong(LicensingError):
    code = "name_too_long"


class UnreadableBodyList(LicensingError):
    code = "unreadable_list"


class NotABuyer(LicensingError):
    """This profile cannot buy here, or not this quantity."""

    code = "not_a_buyer"


class NotADraft(LicensingError):
    """The order is no longer a draft and cannot change."""

    code = "not_a_draft"


class PriceChanged(LicensingError):
    """The price shown to the buyer is outdated, or the quote has expired."""

    code = "price_changed"


class BadBilling(LicensingError):
    """Invalid billing details. `field` is the first invalid field of `BillingDetails`."""

    code = "invalid_billing"

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


class ChangedMeanwhile(LicensingError):
    """The order changed since the page that asks for the operation was shown."""

    code = "outdated"


class TermsNotAccepted(LicensingError):
    code = "terms_not_accepted"


class LapsedBefore(LicensingError):
    """An earlier order of the same buyer lapsed without its purchase order."""

    code = "previous_order_lapsed"


class BadScan(LicensingError):
    code = "invalid_scan"


class NothingToCheck(LicensingError):
    code = "nothing_to_check"


class NotInThisState(LicensingError):
    """The operation is not allowed in the order's state."""

    code = "not_in_this_state"


class IncompleteForInvoice(LicensingError):
    """References required on the payer's invoice are missing."""

    code = "incomplete_for_invoice"


class BadAmount(LicensingError):
    code = "invalid_amount"


class BadLicences(LicensingError):
    code = "invalid_licences"


class BadReference(LicensingError):
    code = "invalid_reference"


class InvalidOrderDate(LicensingError):
    code = "invalid_date"


class NotInvoiceable(LicensingError):
    """No invoice can be issued for this order: abroad, without VAT, or without an address."""

    code = "not_invoiceable"
