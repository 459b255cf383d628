"""« À faire »: what a member can do; each line leads to the very place where it is done."""

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, Exists, Min, QuerySet, Sum, Value
from django.db.models.functions import JSONObject
from django.urls import reverse

from accounts.models import User
from api.models import Token
from collectivities.capabilities import Capability
from collectivities.models import Member, OfficeSettings, PortfolioSchool
from collectivities.operations import tokens
from collectivities.operations.tokens import filter_expiring_tokens
from collectivities.queries import OfficeContact, complete_contact, describe_missing_reply_to
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from core.formatting import format_school_year
from imports.enums import REQUESTED, ImportState
from imports.models import SpreadsheetImport
from imports.operations.application_requests import (
    REQUEST_FIELDS,
    describe_request_changes,
    describe_requests,
    describe_wait,
)
from imports.operations.row_edits import count_arrived
from jobs.housekeeping import LATE_AFTER
from licensing.books.billing.queries import has_rejected_invoice
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import get_school_year
from licensing.entitlements.wording import countdown
from licensing.orders.models import Order, OrderState
from licensing.plans.renewals.models import Renewal, RenewalApplication, RenewalState
from licensing.plans.renewals.queries import find_state, get_renewed_year, is_open
from licensing.pools.filters import DORMANT, DORMANT_DAYS, HELD
from licensing.pools.positions import PoolPosition, PoolProgress, StuckKeys
from licensing.pools.wording import describe_held_keys
from licensing.pools.year_use import list_schools_without_licences
from licensing.requests.school_requests.models import LicenceRequest
from mailing.models import Message
from sites.office.year_figures import count_available

# What waits for a member besides the licences themselves: orders, imports, settings, API tokens.
#
# One query of the office's tables, and two of the public ones.


@dataclass(frozen=True, slots=True)
class UnpaidOrder:
    """The state of an order that is not paid; `turned_down`: its invoice is to be replaced."""

    state: str
    turned_down: bool


@dataclass(frozen=True, slots=True)
class LateEmails:
    """E-mails that have not left yet: how many, and since when the first should have."""

    count: int
    since: datetime.datetime


@dataclass
class PendingWork:
    """What waits, as far as the member may act on it."""

    orders: dict[int, UnpaidOrder]
    #: To verify and apply, the first uploaded first, with who asked for it; None where nobody did.
    imports: list[tuple[SpreadsheetImport, User | None]]
    #: Schools that imports wait for, and that are now in the directory.
    arrived_schools: int
    #: How many schools ask for licences and wait, and for how many in all.
    requests: int
    requested_units: int
    #: API tokens that expire soon, the next first.
    tokens: list[Token]
    #: Whom to ask about the office's licences.
    contact: OfficeContact
    #: Whether there is no address for replies: the contact's is then the first manager's.
    lacks_reply_to: bool
    #: Whether every school of the portfolio has licences, or the running year's list was given to them; False for an
    #: empty portfolio.
    all_served: bool
    #: Where the renewal of the next year stands; None while none is open.
    renewal: RenewalState | None
    #: The office's e-mails that should have left `LATE_AFTER` ago; None where there is none.
    late_emails: LateEmails | None


def find_pending_work(member: Member, orders: Collection[int], at: datetime.datetime) -> PendingWork:
    """Return what waits for a member; `orders`: the numbers of those not paid.

    Three queries, seven where the next year's renewal was begun.
    """
    today = date_in_paris(at)
    manager = Member.objects.who_may(Capability.MANAGE_OFFICE).order_by("joined_at", "pk").values("pk")[:1]
    sources = [
        _select("settings", OfficeSettings.objects.all(), "contact_name", "contact_phone", "reply_to"),
        _select("manager", Member.objects.filter(pk__in=manager), pk="user_id"),
        _select("late_emails", _count_late_emails(at), "count", "since"),
    ]
    public: list[QuerySet[Any, Any]] = []
    if member.may(Capability.READ_ORDERS):
        sources.append(_select("served", _filter_all_served(today), "pk"))
        if orders:
            unpaid = Order.objects.filter(pk__in=orders)
            public.append(_select("order", unpaid, "pk", "state", turned_down=has_rejected_invoice()))
    if member.may(Capability.PLAN_LICENCES):
        sources.append(_select("renewal", Renewal.objects.filter(school_year=get_renewed_year(today)), "pk"))
    if member.may(Capability.PREPARE_IMPORTS):
        checked = SpreadsheetImport.objects.filter(state=ImportState.CHECKED)
        sources.append(_select("import", checked, "pk", "purpose", "state", "filename", *REQUEST_FIELDS))
        sources.append(_select("arrival", count_arrived(), pk="import_id", schools="n"))
    if member.may(Capability.MANAGE_OFFICE):
        sources.append(_select("token", filter_expiring_tokens(at), "name", "expires_at"))
    if member.may(Capability.GIVE_LICENCES):
        requests = LicenceRequest.objects.waiting().filter(collectivity__schema_name=connection.schema_name).order_by()
        counted = requests.values("collectivity").annotate(requests=Count("pk"), asked=Sum("units"))
        public.append(_select("requests", counted, "requests", units="asked"))
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for selected in filter(None, (sources, public)):
        for kind, details in selected[0].union(*selected[1:], all=True):
            rows[kind].append(details)
    return _build(rows, member, at)


def _build(rows: dict[str, list[dict[str, Any]]], member: Member, at: datetime.datetime) -> PendingWork:
    settings = OfficeSettings(**next(iter(rows["settings"]), {}))
    manager = next((row["pk"] for row in rows["manager"]), 0)
    people = User.objects.in_bulk({manager, *(row["requested_by_id"] for row in rows["import"])} - {0, None})
    imports = [_build_import(row, people) for row in rows["import"]]
    expiring = [
        Token(name=row["name"], expires_at=datetime.datetime.fromisoformat(row["expires_at"])) for row in rows["token"]
    ]
    return PendingWork(
        orders={row["pk"]: UnpaidOrder(row["state"], row["turned_down"]) for row in rows["order"]},
        imports=sorted(
            imports, key=lambda pair: (pair[0].requested_at is None, pair[0].requested_at or at, pair[0].pk)
        ),
        arrived_schools=sum(row["schools"] for row in rows["arrival"]),
        requests=sum(row["requests"] for row in rows["requests"]),
        requested_units=sum(row["units"] for row in rows["requests"]),
        tokens=sorted(expiring, key=lambda token: token.expires_at),
        contact=complete_contact(settings, people.get(manager)),
        lacks_reply_to=not settings.reply_to and member.may(Capability.MANAGE_OFFICE),
        all_served=bool(rows["served"]),
        renewal=_find_renewal(date_in_paris(at), begun=bool(rows["renewal"])),
        late_emails=next(
            (LateEmails(row["count"], datetime.datetime.fromisoformat(row["since"])) for row in rows["late_emails"]),
            None,
        ),
    )


def _find_renewal(day: datetime.date, *, begun: bool) -> RenewalState | None:
    """Return the state of the next year's renewal; without a row nobody decided, from the day on that it is open.

    Four queries at most, where there is one.
    """
    if begun:
        return find_state(get_renewed_year(day))
    return RenewalState.OPEN if is_open(day) else None


def _build_import(details: dict[str, Any], people: dict[int, User]) -> tuple[SpreadsheetImport, User | None]:
    requested_at = details.pop("requested_at")
    details["requested_at"] = requested_at and datetime.datetime.fromisoformat(requested_at)
    return SpreadsheetImport(**details), people.get(details["requested_by_id"])


def _select(kind: str, rows: QuerySet[Any, Any], *fields: str, **expressions: Any) -> QuerySet[Any, Any]:
    """Select the rows as objects that a union can hold beside those of other kinds."""
    return rows.order_by().values_list(Value(kind), JSONObject(**{name: name for name in fields}, **expressions))


def _count_late_emails(at: datetime.datetime) -> QuerySet[Any, Any]:
    """Return one row where e-mails are late; none without."""
    late = Message.objects.overdue_at(at - LATE_AFTER).order_by()
    return late.values(one_group=Value(1)).annotate(count=Count("pk"), since=Min("overdue_since")).filter(count__gt=0)


def _filter_all_served(day: datetime.date) -> QuerySet[PortfolioSchool]:
    """Return one row if each school of the portfolio, which has some, has what the office means it to have.

    That is licences of a lot that is not over, or the number that the list of the running year's renewal gave it.
    """
    year = get_renewed_year(day) - 1
    given = RenewalApplication.objects.filter(renewal__school_year=year, undone_at__isnull=True)
    served = PortfolioSchool.objects.filter(~Exists(list_schools_without_licences(day)) | Exists(given))
    return PortfolioSchool.objects.filter(pk__in=served.order_by("pk").values("pk")[:1])


#: A pool whose free share is lower is reported as nearly exhausted.
LOW_FREE_SHARE = 0.1
#: A lot that ends sooner is bought no more of: the next year's licences are.
BOUGHT_UNTIL = datetime.timedelta(days=60)
#: `TodoItem.cooldown_weeks` of what somebody waits for, of what an office may well leave as it is, and of advice.
A_MONTH, A_QUARTER, A_YEAR = 4, 12, 52
#: Imports to apply that are named one by one.
MAX_REQUESTS = 5


class TodoItem(NamedTuple):
    """An item of the to-do list, with a link to the page where it is done."""

    words: str
    url: str
    action: str
    #: Weeks in which it makes no second weekly letter leave; by default somebody waits for what it asks.
    cooldown_weeks: int = A_MONTH
    #: Names it for the weekly letter where its words differ for one and for several; else its words do.
    subject: str = ""


def list_to_do(
    member: Member,
    running: Sequence[PoolProgress],
    stuck: StuckKeys,
    waiting: PendingWork,
    at: datetime.datetime,
    *,
    managers: Sequence[User] = (),
) -> list[TodoItem]:
    """Return what a member can do; `running`: the pools that are not over. One query at most.

    `managers`: whom members of other roles ask to apply imports.
    """
    gives = member.may(Capability.GIVE_LICENCES)
    today = date_in_paris(at)
    positions = [pool.position for pool in running]
    items: list[TodoItem] = []
    if member.may(Capability.READ_ORDERS):
        items += _list_orders(positions, waiting, today, buys=member.may(Capability.BUY_LICENCES))
        items += _list_held_keys(running, today)
    if member.may(Capability.PLAN_LICENCES):
        items += _list_renewal(running, waiting, member, today)
    if gives:
        items += _list_school_requests(waiting)
        items += _list_stuck_keys(stuck)
        items += _list_requests(waiting)
    else:
        if stuck.lost and member.may(Capability.PREPARE_IMPORTS):
            items.append(TodoItem(_describe_lost(stuck.lost), reverse("pools:corrections"), "Voir ces adresses"))
        items += _list_own_requests(waiting, member, managers)
    items += _list_imports(waiting, applies=gives)
    exhausted: list[PoolPosition] = []
    if member.may(Capability.READ_ORDERS) and not waiting.all_served:
        # Once each school has its licences, a lot that they used up is as it should be.
        exhausted = _find_nearly_exhausted(positions, today)
        items += _list_nearly_exhausted(exhausted, buys=member.may(Capability.BUY_LICENCES))
    if running and waiting.lacks_reply_to:
        words = formatting.add_nonbreaking_spaces(describe_missing_reply_to(waiting.contact.email))
        url = f"{reverse('office_settings')}#id_reply_to"
        items.append(TodoItem(words, url, "Indiquer l'adresse de réponse", A_QUARTER))
    items += _list_tokens(waiting, at)
    # The last licences of a lot are told once.
    free = count_available(running, today) - sum(position.free for position in exhausted)
    if free and member.may(Capability.PREPARE_IMPORTS):
        words = formatting.pluralize(free, "licence reste à donner", "licences restent à donner")
        if gives:
            items.append(TodoItem(f"{words}.", reverse("distribute"), "Distribuer", A_QUARTER, "free"))
        else:
            items.append(TodoItem(f"{words}.", reverse("imports:upload"), "Préparer un tableau", A_QUARTER, "free"))
    return items


def _list_orders(
    positions: Sequence[PoolPosition], waiting: PendingWork, today: datetime.date, *, buys: bool
) -> Iterator[TodoItem]:
    """Yield an item for each unpaid order and each suspended pool."""
    for position in sorted(positions, key=lambda one: one.entitlement.temporary_until or one.last_day):
        order, entitlement = waiting.orders.get(position.order_number), position.entitlement
        # Nothing to do for the office while the operator checks the document.
        if position.under_review or not (order or entitlement.suspended_on(today)):
            continue
        situation = _describe_unpaid(order, entitlement, today)
        words = formatting.add_nonbreaking_spaces(f"Lot « {position.name} » : {situation}.")
        if order is None or not position.is_purchase:
            yield TodoItem(words, f"{reverse('pools:pools')}#lot-{position.pool_id}", "Voir le lot")
        elif order.turned_down and buys:
            url = reverse("purchases:complete", args=[position.order_number])
            yield TodoItem(words, url, "Corriger les références")
        else:
            signs = buys and order.state in (OrderState.PLACED, OrderState.LAPSED)
            url = f"{reverse('purchases:detail', args=[position.order_number])}#suite"
            yield TodoItem(words, url, "Déposer le bon de commande" if signs else "Voir la commande")


def _describe_unpaid(order: UnpaidOrder | None, entitlement: Entitlement, today: datetime.date) -> str:
    """Return what an unpaid or suspended order waits for."""
    if entitlement.suspended_on(today):
        return "suspendu, rien ne peut en être attribué tant que sa commande n'est pas régularisée"
    if order is not None and order.turned_down:
        # Do not ask for payment of an invoice that will be replaced.
        return "facture non acceptée, ses références sont à corriger"
    if entitlement.provisional_until is not None:
        return f"bon de commande signé à nous adresser ({countdown(entitlement.provisional_until, today)})"
    left = countdown(entitlement.temporary_until, today) if entitlement.temporary_until else ""
    return f"commande à régler ({left or 'échéance dépassée'})"


def _list_held_keys(running: Sequence[PoolProgress], today: datetime.date) -> Iterator[TodoItem]:
    for position, _, keys in running:
        if keys and position.entitlement.suspended_on(today):
            words = describe_held_keys(keys, position.name, position.entitlement, today)
            yield TodoItem(words, _get_allocations_url(pool=position.pool_id, state=HELD), "Voir ces clés")


def _list_renewal(
    running: Sequence[PoolProgress], waiting: PendingWork, member: Member, today: datetime.date
) -> Iterator[TodoItem]:
    """Yield an item while the renewal of this year's licences waits for the member.

    An office that bought licences of the next year otherwise has decided.
    """
    year = get_renewed_year(today)
    years = {get_school_year(pool.position.last_day) for pool in running}
    if year - 1 not in years or (year in years and waiting.renewal is RenewalState.OPEN):
        return
    label, url = format_school_year(year), reverse("renewal:list")
    if waiting.renewal is RenewalState.OPEN:
        words = f"La reconduction pour {label} est à décider, école par école."
        yield TodoItem(words, url, "Voir la proposition", A_QUARTER)
    elif waiting.renewal is RenewalState.QUOTED and member.may(Capability.BUY_LICENCES):
        yield TodoItem(f"Le devis de la reconduction {label} attend d'être commandé.", url, "Voir où elle en est")
    elif waiting.renewal is RenewalState.ORDERED and member.may(Capability.GIVE_LICENCES):
        yield TodoItem(f"La liste reconduite pour {label} est à attribuer aux écoles.", url, "L'attribuer")


def _list_stuck_keys(stuck: StuckKeys) -> Iterator[TodoItem]:
    if stuck.lost:
        yield TodoItem(_describe_lost(stuck.lost), reverse("pools:corrections"), "Corriger l'adresse et renvoyer")
    if stuck.dormant:
        words = formatting.pluralize(stuck.dormant, "clé n'est pas activée", "clés ne sont pas activées")
        words += f" {DORMANT_DAYS} jours après {'son' if stuck.dormant == 1 else 'leur'} envoi."
        yield TodoItem(words, _get_allocations_url(state=DORMANT), "Relancer", A_QUARTER, "dormant")


def _describe_lost(count: int) -> str:
    words = formatting.pluralize(count, "e-mail n'est pas arrivé", "e-mails ne sont pas arrivés")
    return f"{words} à {'son' if count == 1 else 'leur'} école."


def _list_school_requests(waiting: PendingWork) -> Iterator[TodoItem]:
    """Yield an item for the schools that ask for licences."""
    if waiting.requests:
        schools = formatting.pluralize(waiting.requests, "école demande", "écoles demandent")
        units = formatting.pluralize(waiting.requested_units, "licence")
        words = f"{schools} {units} et {'attend' if waiting.requests == 1 else 'attendent'} votre réponse."
        yield TodoItem(words, reverse("requests:list"), "Répondre", subject="requests")


def _list_requests(waiting: PendingWork) -> list[TodoItem]:
    """Return an item for each of the first imports that a manager is asked to apply, and one for the others."""
    requests = [one for one, _ in waiting.imports if one.requested_at]
    asked = requests[:MAX_REQUESTS]
    people = {one.pk: person for one, person in waiting.imports}
    figures = describe_requests(asked) if asked else {}
    items = [
        TodoItem(
            formatting.add_nonbreaking_spaces(
                f"{people[one.pk] or 'Un ancien membre'} demande d'appliquer « {one.filename} » : {figures[one.pk]}."
            ),
            reverse("imports:detail", args=[one.pk]),
            "Vérifier et appliquer",
        )
        for one in asked
    ]
    if others := len(requests) - len(asked):
        words = formatting.pluralize(others, "autre tableau est à appliquer", "autres tableaux sont à appliquer")
        url = f"{reverse('imports:list')}?{urlencode({'state': REQUESTED})}"
        items.append(TodoItem(f"{words}.", url, "Voir ces demandes"))
    return items


def _list_own_requests(waiting: PendingWork, member: Member, managers: Sequence[User]) -> Iterator[TodoItem]:
    """Yield an item for each of the first imports that the member asked to be applied: it waits for the managers."""
    own = [one for one, _ in waiting.imports if one.requested_at and one.requested_by_id == member.user_id]
    changes = describe_request_changes(own[:MAX_REQUESTS]) if own else {}
    for one in own[:MAX_REQUESTS]:
        wait = describe_wait(one, managers, changes[one.pk])
        words = formatting.add_nonbreaking_spaces(f"« {one.filename} » : {wait}.")
        action = "Redemander ou retirer la demande" if changes[one.pk] else "Voir la demande"
        yield TodoItem(words, reverse("imports:detail", args=[one.pk]), action)


def _list_imports(waiting: PendingWork, *, applies: bool) -> list[TodoItem]:
    """Return an item for the imports to verify, and one for the schools that have arrived."""
    items = []
    unasked = [one for one, _ in waiting.imports if not one.requested_at]
    if unasked:
        words = formatting.pluralize(len(unasked), "tableau attend", "tableaux attendent")
        url = f"{reverse('imports:list')}?{urlencode({'state': ImportState.CHECKED.value})}"
        if len(unasked) == 1:
            url = reverse("imports:detail", args=[unasked[0].pk])
        action = "Vérifier et appliquer" if applies else "Vérifier"
        items.append(TodoItem(f"{words} votre vérification.", url, action))
    if waiting.arrived_schools:
        words = formatting.pluralize(waiting.arrived_schools, "école attendue est", "écoles attendues sont")
        url = reverse("imports:list")
        items.append(TodoItem(f"{words} maintenant dans l'annuaire.", url, "Reprendre pour vérification"))
    return items


def _find_nearly_exhausted(positions: Sequence[PoolPosition], today: datetime.date) -> list[PoolPosition]:
    """Return the pools that began and have few free licences; those with none only where no other has any."""
    available = [one for one in positions if one.entitlement.available_on(today)]
    any_free = any(one.free for one in available)
    return [
        one
        for one in available
        if one.entitlement.first_day <= today <= one.last_day - BOUGHT_UNTIL
        and one.free < one.bought * LOW_FREE_SHARE
        and (one.free or not any_free)
    ]


def _list_nearly_exhausted(exhausted: Sequence[PoolPosition], *, buys: bool) -> Iterator[TodoItem]:
    """Yield an item for each of these pools: to buy more, for whom may, else to give the last ones."""
    for position in exhausted:
        left = (
            f"n'a plus que {formatting.pluralize(position.free, 'licence libre', 'licences libres')}"
            if position.free
            else "est épuisé"
        )
        words = formatting.add_nonbreaking_spaces(f"Le lot « {position.name} » {left}.")
        if buys:
            yield TodoItem(words, reverse("purchases:new"), "Acheter des licences", A_YEAR)
        elif position.free:
            yield TodoItem(words, reverse("distribute"), "Distribuer", A_YEAR)
        else:
            yield TodoItem(words, f"{reverse('pools:pools')}#lot-{position.pool_id}", "Voir le lot", A_YEAR)


def _list_tokens(waiting: PendingWork, at: datetime.datetime) -> Iterator[TodoItem]:
    for token in waiting.tokens:
        words = formatting.add_nonbreaking_spaces(
            f"Jeton « {token.name} » de l'API : il expire le {formatting.long_date(tokens.get_last_day(token))}"
            f" ({tokens.format_time_left(token, at)}), et le programme qui s'en sert s'arrêtera."
        )
        yield TodoItem(words, reverse("tokens:list"), "Le remplacer")


def _get_allocations_url(**filters: object) -> str:
    return f"{reverse('pools:allocations')}?{urlencode(filters)}"
