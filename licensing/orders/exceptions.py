"""What an order can be refused for. The sentences are said where they are raised."""

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
    """This profile cannot buy here, or cannot buy this much."""

    code = "not_a_buyer"


class NotADraft(Refused):
    """The order has gone further: what it says no longer changes."""

    code = "not_a_draft"


class PriceChanged(Refused):
    """What the buyer was shown is no longer what it costs, or the quote is no longer valid."""

    code = "price_changed"


class BadBilling(Refused):
    """The billing details do not do. `field` is the name in `billing.Billing` of the first that does not."""

    code = "bad_billing"

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


class TermsNotAccepted(Refused):
    code = "terms_not_accepted"


class LapsedBefore(Refused):
    """An earlier order of the same buyer got its 45 days and never its purchase order."""

    code = "lapsed_before"


class BadScan(Refused):
    code = "bad_scan"


class NothingToCheck(Refused):
    code = "nothing_to_check"


class NotInThisState(Refused):
    """The order is not where this step can be taken."""

    code = "not_in_this_state"


class IncompleteForInvoice(Refused):
    """What the payer's invoice must name is missing."""

    code = "incomplete_for_invoice"


class BadAmount(Refused):
    code = "bad_amount"


class BadReference(Refused):
    code = "bad_reference"


class BadDate(Refused):
    code = "bad_date"
