"""What « Rechercher partout » found."""

from __future__ import annotations

from dataclasses import dataclass, field

from accounts.models import User
from licensing.billing.models import Invoice
from licensing.entitlements.models import ActivationKey
from licensing.orders.models import Order
from licensing.payments.models import Payment
from mailing.models import Message
from schools.models import School
from sites.back_office.invitation_search import FoundInvitation
from sites.back_office.name_search import MAX_NAMED
from tenants.models import Collectivity, OfficeRequest


@dataclass
class OfficeMatch:
    """A match in a collectivity's schema."""

    collectivity: Collectivity
    kind: str
    detail: str


@dataclass
class GlobalSearchResult:
    """Search results. `query_label` describes the interpreted query; it never contains a key."""

    query_label: str
    problem: str = ""
    #: What to know of these results: that they are near what was typed, and not it.
    note: str = ""
    collectivities: list[Collectivity] = field(default_factory=list)
    schools: list[School] = field(default_factory=list)
    #: How many schools there are; those listed are the first.
    school_total: int = 0
    people: list[User] = field(default_factory=list)
    office_requests: list[OfficeRequest] = field(default_factory=list)
    keys: list[ActivationKey] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    invitations: list[FoundInvitation] = field(default_factory=list)
    emails: list[Message] = field(default_factory=list)
    lines: list[OfficeMatch] = field(default_factory=list)
    #: An amount was searched, and no sale has it: it may be of the bank.
    is_unknown_amount: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there are no results."""
        sales = (self.orders, self.invoices, self.payments)
        people = (self.people, self.office_requests, self.invitations, self.emails)
        found = (self.collectivities, self.schools, *people, self.keys, *sales, self.lines)
        return not self.problem and not any(found)

    @property
    def is_cut(self) -> bool:
        """Whether a list may have ended before its last row; that of schools says so itself."""
        lists = (self.collectivities, self.people, self.office_requests, self.invitations, self.orders, self.invoices)
        return any(len(one) >= MAX_NAMED for one in lists)

    @property
    def hidden_schools(self) -> int:
        """How many schools are found and not listed."""
        return max(self.school_total - len(self.schools), 0)
