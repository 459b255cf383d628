"""Exceptions of the operations on orders. Their messages are written where they are raised."""

from __future__ import annotations

from licensing.exceptions import Refused


class UnknownCollectivity(Refused):
    code = "unknown_collectivity"


class UnknownOrder(Refused):
    code = "unknown_order"


class NoReason(Refused):
    code = "no_reason"


class NameTooLong(Refused):
    code = "name_too_long"


class UnreadableList(Refused):
    code = "unreadable_list"


class NotABuyer(Refused):
    """This profile cannot buy here, or not this quantity."""

    code = "not_a_buyer"


class NotADraft(Refused):
    """The order is no longer a draft and cannot change."""

    code = "not_a_draft"


class PriceChanged(Refused):
    """The price shown to the buyer is outdated, or the quote has expired."""

    code = "price_changed"


class BadBilling(Refused):
    """Invalid billing details. `field` is the first invalid field of `BillingDetails`."""

    code = "bad_billing"

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


class TermsNotAccepted(Refused):
    code = "terms_not_accepted"


class LapsedBefore(Refused):
    """An earlier order of the same buyer lapsed without its purchase order."""

    code = "lapsed_before"


class BadScan(Refused):
    code = "bad_scan"


class NothingToCheck(Refused):
    code = "nothing_to_check"


class NotInThisState(Refused):
    """The operation is not allowed in the order's state."""

    code = "not_in_this_state"


class IncompleteForInvoice(Refused):
    """References required on the payer's invoice are missing."""

    code = "incomplete_for_invoice"


class BadAmount(Refused):
    code = "bad_amount"


class BadReference(Refused):
    code = "bad_reference"


class BadDate(Refused):
    code = "bad_date"
