"""What waits for a member besides the licences themselves: orders, imports, settings, API tokens.

One query of the office's tables, and two of the public ones.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, QuerySet, Sum, Value
from django.db.models.functions import JSONObject

from accounts.models import User
from api.models import Token
from collectivities.models import Member, OfficeSettings, PortfolioSchool, Role
from collectivities.operations.tokens import filter_expiring_tokens
from collectivities.queries import OfficeContact, complete_contact
from core.calendar import date_in_paris
from core.connections import connection
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from imports.operations import count_arrived
from licensing.billing.queries import has_rejected_invoice
from licensing.orders.models import Order
from licensing.pools.year_use import list_schools_without_licences
from licensing.renewals.models import Renewal, RenewalApplication, RenewalState
from licensing.renewals.queries import find_state, get_renewed_year, is_open
from licensing.requests.models import LicenceRequest

#: Roles that see prices, and open the pages of orders.
PRICE_ROLES = frozenset({Role.BUYER, Role.MANAGER})
#: Roles that prepare imports.
PREPARER_ROLES = frozenset({Role.DATA_OFFICER, Role.MANAGER})
_NOBODY = OfficeContact("", "", "")


@dataclass(frozen=True, slots=True)
class UnpaidOrder:
    """The state of an order that is not paid; `turned_down`: its invoice is to be replaced."""

    state: str
    turned_down: bool


@dataclass
class WaitingThings:
    """What waits, as far as the member's roles let them act on it."""

    orders: dict[int, UnpaidOrder] = field(default_factory=dict)
    #: To verify and apply, the first uploaded first, with who asked for it; None where nobody did.
    imports: list[tuple[SpreadsheetImport, User | None]] = field(default_factory=list)
    #: Schools that imports wait for, and that are now in the directory.
    arrived_schools: int = 0
    #: How many schools ask for licences and wait, and for how many in all.
    requests: int = 0
    requested_units: int = 0
    #: API tokens that expire soon, the next first.
    tokens: list[Token] = field(default_factory=list)
    #: Whom to ask about the office's licences.
    contact: OfficeContact = _NOBODY
    #: Whether there is no address for replies: the contact's is then the first manager's.
    lacks_reply_to: bool = False
    #: Whether every school of the portfolio has licences, or the running year's list was given to them; False for an
    #: empty portfolio.
    all_served: bool = False
    #: Where the renewal of the next year stands; None while none is open.
    renewal: RenewalState | None = None


def find_waiting(roles: Collection[Role], orders: Collection[int], at: datetime.datetime) -> WaitingThings:
    """Return what waits for a member with these roles; `orders`: the numbers of those not paid.

    Three queries, seven where the next year's renewal was begun.
    """
    sources: list[QuerySet[Any, Any]] = [_select_settings(), _select_first_manager()]
    public: list[QuerySet[Any, Any]] = []
    if orders and not PRICE_ROLES.isdisjoint(roles):
        public.append(_select_orders(orders))
    if not PRICE_ROLES.isdisjoint(roles):
        sources.append(_select_all_served(date_in_paris(at)))
        sources.append(_select_renewal(get_renewed_year(date_in_paris(at))))
    if not PREPARER_ROLES.isdisjoint(roles):
        sources += [_select_imports(), _select_arrivals()]
    if Role.MANAGER in roles:
        sources.append(_select_tokens(at))
        public.append(_select_requests())
    rows = list(sources[0].union(*sources[1:], all=True))
    if public:
        rows += list(public[0].union(*public[1:], all=True))
    found = _build(rows, at)
    found.renewal = _find_renewal(rows, at)
    found.lacks_reply_to = found.lacks_reply_to and Role.MANAGER in roles
    return found


def _build(rows: list[tuple[str, dict[str, Any]]], at: datetime.datetime) -> WaitingThings:
    found = WaitingThings()
    settings, manager, people = OfficeSettings(), 0, _get_people(rows)
    for kind, details in rows:
        match kind:
            case "order":
                found.orders[details["pk"]] = UnpaidOrder(details["state"], details["turned_down"])
            case "import":
                found.imports.append(_build_import(details, people))
            case "arrival":
                found.arrived_schools += details["schools"]
            case "token":
                expires_at = datetime.datetime.fromisoformat(details["expires_at"])
                found.tokens.append(Token(name=details["name"], expires_at=expires_at))
            case "requests":
                found.requests, found.requested_units = details["requests"], details["units"]
            case "settings":
                settings = OfficeSettings(**details)
            case "manager":
                manager = details["pk"]
            case "served":
                found.all_served = True
    found.contact, found.lacks_reply_to = complete_contact(settings, people.get(manager)), not settings.reply_to
    found.imports.sort(key=lambda pair: (pair[0].requested_at is None, pair[0].requested_at or at, pair[0].pk))
    found.tokens.sort(key=lambda token: token.expires_at)
    return found


def _find_renewal(rows: list[tuple[str, dict[str, Any]]], at: datetime.datetime) -> RenewalState | None:
    """Return the state of the next year's renewal; without a row nobody decided, from the day on that it is open.

    Four queries at most, where there is one.
    """
    day = date_in_paris(at)
    if any(kind == "renewal" for kind, _ in rows):
        return find_state(get_renewed_year(day))
    return RenewalState.OPEN if is_open(day) else None


def _get_people(rows: list[tuple[str, dict[str, Any]]]) -> dict[int, User]:
    """Return the first manager and those who asked for imports. One query."""
    named = {
        number
        for kind, details in rows
        if kind in ("manager", "import") and (number := details["pk" if kind == "manager" else "requested_by_id"])
    }
    return User.objects.in_bulk(named)


def _build_import(details: dict[str, Any], people: dict[int, User]) -> tuple[SpreadsheetImport, User | None]:
    requested_at = details.pop("requested_at")
    details["requested_at"] = requested_at and datetime.datetime.fromisoformat(requested_at)
    return SpreadsheetImport(**details), people.get(details["requested_by_id"])


def _select_orders(numbers: Collection[int]) -> QuerySet[Any, Any]:
    orders = Order.objects.filter(pk__in=numbers).order_by()
    return orders.values_list(Value("order"), JSONObject(pk="pk", state="state", turned_down=has_rejected_invoice()))


def _select_imports() -> QuerySet[Any, Any]:
    names = (
        "pk", "purpose", "state", "filename", "requested_at", "requested_by_id", "requested_schools", "requested_units",
        "requested_digest",
    )  # fmt: skip
    checked = SpreadsheetImport.objects.filter(state=ImportState.CHECKED).order_by()
    return checked.values_list(Value("import"), JSONObject(**{name: name for name in names}))


def _select_arrivals() -> QuerySet[Any, Any]:
    return count_arrived().values_list(Value("arrival"), JSONObject(pk="import_id", schools="n"))


def _select_tokens(at: datetime.datetime) -> QuerySet[Any, Any]:
    tokens = filter_expiring_tokens(at).order_by()
    return tokens.values_list(Value("token"), JSONObject(name="name", expires_at="expires_at"))


def _select_requests() -> QuerySet[Any, Any]:
    waiting = LicenceRequest.objects.waiting().filter(collectivity__schema_name=connection.schema_name).order_by()
    counted = waiting.values("collectivity").annotate(requests=Count("pk"), asked=Sum("units"))
    return counted.values_list(Value("requests"), JSONObject(requests="requests", units="asked"))


def _select_renewal(year: int) -> QuerySet[Any, Any]:
    renewals = Renewal.objects.filter(school_year=year).order_by()
    return renewals.values_list(Value("renewal"), JSONObject(pk="pk"))


def _select_settings() -> QuerySet[Any, Any]:
    names = ("contact_name", "contact_phone", "reply_to")
    contact = JSONObject(**{name: name for name in names})
    return OfficeSettings.objects.order_by().values_list(Value("settings"), contact)


def _select_first_manager() -> QuerySet[Any, Any]:
    managers = Member.objects.active().filter(roles__contains=[Role.MANAGER])
    first = managers.order_by("joined_at", "pk").values("pk")[:1]
    return Member.objects.filter(pk__in=first).order_by().values_list(Value("manager"), JSONObject(pk="user_id"))


def _select_all_served(day: datetime.date) -> QuerySet[Any, Any]:
    """Select one row if each school of the portfolio, which has some, has what the office means it to have.

    That is licences of a lot that is not over, or the number that the list of the running year's renewal gave it.
    """
    year = get_renewed_year(day) - 1
    given = RenewalApplication.objects.filter(renewal__school_year=year, undone_at__isnull=True)
    served = PortfolioSchool.objects.filter(~Exists(list_schools_without_licences(day)) | Exists(given))
    first = served.order_by("pk").values("pk")[:1]
    return PortfolioSchool.objects.filter(pk__in=first).order_by().values_list(Value("served"), JSONObject(pk="pk"))
