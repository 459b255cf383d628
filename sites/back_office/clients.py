"""The page of a client: contacts, orders, what is owed, licences and their use, invitations, lost e-mails."""

import datetime
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, F, Max, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from collectivities.models import Invitation, Member, list_role_labels
from collectivities.queries import get_office_settings
from core import formatting
from core.calendar import date_in_paris
from core.formatting import collectivity_forms
from licensing.books.billing.models import Invoice
from licensing.books.billing.queries import sum_received
from licensing.entitlements.models import ActivationKey, EntitlementStatus, Seat
from licensing.orders.models import ZERO, Order, OrderKind, OrderState
from licensing.orders.queries import is_under_review
from licensing.pools.models import ALLOCATION_TOPIC, MessageKind
from licensing.pools.positions import PoolPosition, list_pool_positions
from licensing.requests.school_requests.models import LicenceRequest
from licensing.requests.school_requests.wording import describe_asked, format_day
from mailing import kinds
from mailing.models import LOST, UNSENT, Message, MessageState
from schools.folding import fold
from schools.models import School
from schools.wording import format_school
from sites.back_office import invitations
from tenants.cross_schema import query_all
from tenants.models import Collectivity, OfficeRequest

#: The latest orders; the admin's list has them all.
MAX_ORDERS = 50
#: Billed, and not given up since.
_BILLED_STATES = (OrderState.CONFIRMED, OrderState.PAID)


class ClientOrder(NamedTuple):
    """An order, its invoice where it has one that stands, what came in for it, and what is still due."""

    order: Order
    invoice: Invoice | None
    received: Decimal
    due: Decimal
    #: Left of those ordered.
    licences: int
    #: Its invoice is due since an earlier day, and not paid.
    is_overdue: bool


class ClientTotals(NamedTuple):
    """In euros, VAT included: billed less credited, received less given back, and what is owed of what was billed."""

    billed: Decimal
    received: Decimal
    owed: Decimal
    unpaid_orders: int


def list_client_orders(orders: QuerySet[Order], day: datetime.date) -> list[ClientOrder]:
    """Return the latest of these orders. Three queries at most."""
    invoices = Invoice.objects.current().defer("xml", "snapshot").order_by("pk")
    latest = (
        orders.select_related("school", "collectivity", "placed_by")
        .prefetch_related(Prefetch("invoices", invoices), "lines")
        .annotate(received=sum_received(), under_review=is_under_review())
        .order_by("-created_at", "-pk")[:MAX_ORDERS]
    )
    return [_describe_order(order, day) for order in latest]


def compute_totals(orders: QuerySet[Order]) -> ClientTotals:
    """Return the sums over all of these orders. Two queries."""
    awaited = Q(state=OrderState.CONFIRMED)
    sums = orders.annotate(came_in=sum_received()).aggregate(
        billed=Coalesce(Sum(F("total_ttc") - F("credited"), filter=Q(state__in=_BILLED_STATES)), ZERO),
        received=Coalesce(Sum("came_in"), ZERO),
        owed=Coalesce(Sum(F("total_ttc") - F("credited") - F("came_in"), filter=awaited), ZERO),
    )
    return ClientTotals(**sums, unpaid_orders=orders.filter(awaited).count())


def _describe_order(order: Order, day: datetime.date) -> ClientOrder:
    found: Any = order
    invoice = next(iter(order.invoices.all()), None)
    # Once all of it came in, an order is no longer awaited.
    due = order.owed - found.received if order.state == OrderState.CONFIRMED else ZERO
    licences = sum(line.remaining for line in order.lines.all())
    return ClientOrder(order, invoice, found.received, due, licences, bool(due and invoice and invoice.due_on < day))


class ShownRequest(NamedTuple):
    """A request, by the other party's name and its page."""

    who: str
    url: str
    words: str


def list_office_requests(collectivity: Collectivity) -> list[ShownRequest]:
    """Return the latest requests to a collectivity, those that wait first. One query."""
    requests = LicenceRequest.objects.filter(collectivity=collectivity.pk).select_related("school")
    return [
        ShownRequest(format_school(request.school), _page_url("client_school", request.school_id), words)
        for request, words in _describe_requests(requests)
    ]


def list_school_requests(school: School) -> list[ShownRequest]:
    """Return the latest requests of a school, those that wait first. One query."""
    requests = LicenceRequest.objects.filter(school=school.pk).select_related("collectivity")
    return [
        ShownRequest(
            collectivity_forms(request.collectivity.name).the,
            _page_url("client_collectivity", request.collectivity_id),
            words,
        )
        for request, words in _describe_requests(requests)
    ]


def _page_url(name: str, *ids: object) -> str:
    """Return the path of a row's page of the back office."""
    return reverse(f"admin:{name}", args=ids)


def _describe_requests(requests: QuerySet[LicenceRequest]) -> Iterator[tuple[LicenceRequest, str]]:
    for request in requests.order_by(F("ended_at").desc(nulls_first=True), "-pk")[:MAX_ROWS]:
        state = str(request.state.label).lower()
        given = f", {request.accepted_units} données" if request.accepted_units else ""
        yield request, f"{describe_asked(request)}, le {format_day(request.created_at)} : {state}{given}"


#: People of each kind, and e-mails: a page shows no more.
MAX_ROWS = 50
#: Who was invited has no name yet.
_INVITED = "Personne invitée"
_BILLED = "Facturation"
#: Of every collectivity: e-mails about this school's keys that did not arrive.
_LOST_KEYS_SQL = """
SELECT kind, recipient, created_at, reason FROM {schema}.mailing_message
WHERE state = ANY(%s) AND topic = 'allocation'
AND topic_id IN (SELECT id FROM {schema}.pools_allocation WHERE school_id = %s)
ORDER BY id DESC LIMIT 50
"""


class Contact(NamedTuple):
    """A person or an address of a client; `url`: where more of it is, empty where that is in the office alone."""

    name: str
    function: str
    email: str
    phone: str
    url: str
    has_account: bool = False
    last_login: datetime.datetime | None = None
    #: Where the same person gave others.
    other_emails: tuple[str, ...] = ()

    @property
    def emails(self) -> tuple[str, ...]:
        return (self.email, *self.other_emails) if self.email else self.other_emails


class LostEmail(NamedTuple):
    """An e-mail that failed for good, and why; `url`: of its page, or where the office can be opened that sent it."""

    kind: str
    recipient: str
    at: datetime.datetime
    reason: str
    url: str
    #: Name of the collectivity that sent it; empty for the portal.
    office: str = ""


def list_collectivity_contacts(collectivity: Collectivity, orders: QuerySet[Order]) -> list[Contact]:
    """Return members, invitations, the office's contact, buyers, who is billed and who asked. Seven queries."""
    with tenant_context(collectivity):
        members = list(Member.objects.active().prefetch_related("user").order_by("joined_at", "pk")[:MAX_ROWS])
        invitations = list(Invitation.objects.pending().order_by("created_at", "pk")[:MAX_ROWS])
        settings = get_office_settings()
    contacts = [_describe_user(one.user, _join_roles(one.roles)) for one in members]
    contacts += [_describe_invitation(one, collectivity) for one in invitations]
    if settings.contact_name or settings.contact_phone or settings.reply_to:
        name = settings.contact_name or "Le bureau"
        contacts.append(Contact(name, "Répond aux écoles", settings.reply_to, settings.contact_phone, ""))
    contacts += _list_buyers(orders, known={one.user_id for one in members})
    requests = OfficeRequest.objects.filter(collectivity=collectivity).order_by("pk")[:MAX_ROWS]
    contacts += [
        Contact(one.applicant, f"A demandé le bureau{f' ({one.role})' if one.role else ''}", one.email, one.phone,
                _page_url("tenants_officerequest_change", one.pk))
        for one in requests
    ]  # fmt: skip
    return _merge([*contacts, *_list_billed(orders)])


def list_school_contacts(school: School, orders: QuerySet[Order]) -> list[Contact]:
    """Return the school's own address, its principals and teachers, buyers, and who is billed. Three queries."""
    page = _page_url("schools_school_change", school.pk)
    own = Contact(school.name, "Adresse officielle", school.email, school.phone, page)
    affiliations = list(
        school.affiliation_set.select_related("user").order_by("user__profile", "-verified_at", "pk")[:MAX_ROWS]
    )
    people = [
        _describe_user(one.user, "Direction vérifiée" if one.verified_at else one.user.get_profile_display())
        for one in affiliations
    ]
    buyers = _list_buyers(orders, known={one.user_id for one in affiliations})
    return [own, *_merge([*people, *buyers, *_list_billed(orders)])]


def list_person_contacts(person: User, orders: QuerySet[Order]) -> list[Contact]:
    """Return the account, and who is billed for what it ordered. One query."""
    return _merge([_describe_user(person, Profile(person.profile).label), *_list_billed(orders)])


def list_lost_emails(contacts: Iterable[Contact]) -> list[LostEmail]:
    """Return the portal's e-mails to these addresses that did not arrive, the latest first. One query."""
    addresses = {email.lower() for contact in contacts for email in contact.emails}
    messages = Message.objects.lost().alias(address=Lower("recipient")).filter(address__in=addresses)
    return [
        _describe_lost(one, _page_url("mailing_message_change", one.pk)) for one in messages.order_by("-pk")[:MAX_ROWS]
    ]


def list_lost_office_emails(collectivity: Collectivity) -> list[LostEmail]:
    """Return the e-mails of a collectivity's office that did not arrive, the latest first. One query."""
    with tenant_context(collectivity):
        messages = list(Message.objects.lost().order_by("-pk")[:MAX_ROWS])
    return [_describe_lost(one, _visit_url(collectivity), str(collectivity)) for one in messages]


def list_lost_key_emails(school: School) -> list[LostEmail]:
    """Return every collectivity's e-mails about keys of a school that did not arrive. One query for many schemas."""
    found = []
    for collectivity, values in query_all(_LOST_KEYS_SQL, [[state.value for state in LOST], school.pk]):
        kind, recipient, created_at, reason = values
        message = Message(kind=kind, recipient=recipient, created_at=created_at, reason=reason)
        found.append(_describe_lost(message, _visit_url(collectivity), str(collectivity)))
    return found


def _visit_url(collectivity: Collectivity) -> str:
    """Return the page that opens the office: its own pages lead an operator to its sign-in form, and no further."""
    return _page_url("tenants_collectivity_visit", collectivity.pk)


def _describe_lost(message: Message, url: str, office: str = "") -> LostEmail:
    label = kinds.get_label(message.kind)
    return LostEmail(label, message.recipient, message.created_at, message.explanation, url, office)


def _describe_user(user: User, function: str) -> Contact:
    page = _page_url("accounts_user_change", user.pk)
    return Contact(str(user), function, user.email, user.phone, page, has_account=True, last_login=user.last_login)


def _describe_invitation(invitation: Invitation, collectivity: Collectivity) -> Contact:
    day = formatting.long_date(date_in_paris(invitation.created_at))
    end = formatting.long_date(date_in_paris(invitation.expires_at))
    function = f"Invitation du {day}, valable jusqu'au {end} : {_join_roles(invitation.roles)}"
    url = _page_url("office_invitation", collectivity.pk, invitation.pk)
    return Contact(_INVITED, function, invitation.email, "", url)


def _list_buyers(orders: QuerySet[Order], *, known: set[int]) -> list[Contact]:
    """Return who placed these orders, but those who are named already: the operator, who grants, places none."""
    placed = orders.exclude(kind=OrderKind.GRANT).exclude(placed_by=None)
    buyers = User.objects.filter(pk__in=placed.values("placed_by")).exclude(pk__in=known)
    return [_describe_user(one, "A commandé") for one in buyers.order_by("last_name", "pk")[:MAX_ROWS]]


def _merge(contacts: list[Contact]) -> list[Contact]:
    """Return each person once, by address and by name, with all functions and addresses, and the first telephone.

    Two accounts of one name are two persons.
    """
    merged: list[Contact] = []
    by_email: dict[str, int] = {}
    by_name: dict[str, int] = {}
    for one in contacts:
        email, name = one.email.lower(), "" if one.name == _INVITED else fold(one.name)
        rank = by_email.get(email) if email else None
        if rank is None and name in by_name and not (one.has_account and merged[by_name[name]].has_account):
            rank = by_name[name]
        if rank is None:
            rank = len(merged)
            merged.append(one)
        else:
            merged[rank] = _join(merged[rank], one)
        if email:
            by_email.setdefault(email, rank)
        if name:
            by_name.setdefault(name, rank)
    return merged


def _join(first: Contact, other: Contact) -> Contact:
    """Return the first with the other's function, address and telephone, and its name where the first has none."""
    function = other.function
    if function == _BILLED and fold(other.name) != fold(first.name):
        function = f"{_BILLED} ({other.name})"
    known = {email.lower() for email in first.emails}
    more = (other.email,) if first.email and other.email and other.email.lower() not in known else ()
    return first._replace(
        name=other.name if first.name == _INVITED and not first.has_account else first.name,
        function=" ; ".join(dict.fromkeys([*first.function.split(" ; "), function])),
        email=first.email or other.email,
        phone=first.phone or other.phone,
        other_emails=(*first.other_emails, *more),
    )


def _list_billed(orders: QuerySet[Order]) -> list[Contact]:
    """Return each name and address that these orders are billed to, with the latest order of each."""
    billed = orders.exclude(bill_name="").order_by().values_list("bill_name", "bill_email").annotate(last=Max("pk"))
    return [
        Contact(name, _BILLED, email, "", _page_url("orders_order_change", last))
        for name, email, last in billed.order_by("-last")[:MAX_ROWS]
    ]


def _join_roles(roles: Collection[str]) -> str:
    return formatting.join_words(list_role_labels(roles)).capitalize()


#: The latest keys; the admin's list has them all.
MAX_KEYS = 50
#: Of every collectivity: where these keys were sent, and the last e-mail with each; a cancelled one tells nothing.
_DELIVERIES_SQL = """
SELECT given.key_id, given.recipient, letter.state, coalesce(letter.sent_at, letter.created_at)
FROM {schema}.pools_allocation given
LEFT JOIN LATERAL (
  SELECT state, sent_at, created_at FROM {schema}.mailing_message
  WHERE topic = %s AND topic_id = given.id AND kind = ANY(%s) AND state <> 'cancelled' ORDER BY id DESC LIMIT 1
) letter ON true
WHERE given.key_id = ANY(%s)
"""
_WITH_KEY = [MessageKind.KEY.value, MessageKind.REMINDER.value]


class ClientKey(NamedTuple):
    """A key; `recipient`: to whom it was sent; `delivery`: whether it arrived; both empty if it was not e-mailed."""

    key: ActivationKey
    recipient: str
    delivery: str
    #: Who may send it again; empty where nobody needs to.
    resent_by: str
    is_lost: bool


def list_keys(keys: QuerySet[ActivationKey]) -> list[ClientKey]:
    """Return the latest of these keys. Two queries, and one for each hundred schemas."""
    held = Count("subscription__seats", filter=Q(subscription__seats__holder__isnull=False))
    shown = list(
        keys.select_related("entitlement__collectivity", "subscription", "redeemed_by")
        .annotate(held=held)
        .order_by("-pk")[:MAX_KEYS]
    )
    params = [ALLOCATION_TOPIC, _WITH_KEY, [key.pk for key in shown]]
    deliveries = {row.values[0]: row.values[1:] for row in query_all(_DELIVERIES_SQL, params)}
    day = date_in_paris(timezone.now())
    return [_describe_key(key, deliveries.get(key.pk), day) for key in shown]


def _describe_key(key: ActivationKey, delivery: tuple[Any, ...] | None, day: datetime.date) -> ClientKey:
    if delivery is None:
        return ClientKey(key, "", "", "", is_lost=False)
    recipient, state, at = delivery
    is_usable = key.revoked_at is None and key.redeemed_at is None and not key.entitlement.over_on(day)
    office = f"un gestionnaire du bureau ({key.entitlement.collectivity})"
    resent_by = f"{office}, ou l'école par la page « Je n'ai pas reçu ma clé »" if is_usable else ""
    return ClientKey(key, recipient, _describe_delivery(state, at), resent_by, is_lost=is_usable and state in LOST)


def _describe_delivery(state: str | None, at: datetime.datetime | None) -> str:
    """Return in French what became of an e-mail: « remis le 2 novembre 2026 à 09:05 »."""
    if state is None or at is None:
        return "aucun e-mail"
    if state in UNSENT:
        return "e-mail pas encore parti"
    moment = formatting.long_moment(timezone.localtime(at))
    if state in LOST:
        return f"e-mail non remis ({moment})"
    return f"e-mail {MessageState(state).label.lower()} le {moment}"


class Clients(NamedTuple):
    """Those of some schools and accounts that have a page of a client, by primary key."""

    schools: frozenset[str]
    people: frozenset[int]


def find_clients(schools: Iterable[School], people: Iterable[User]) -> Clients:
    """Return which of these schools have a key or an order, and which of these accounts ordered. Two queries."""
    uais = [one.pk for one in schools]
    ordered = Order.objects.filter(kind=OrderKind.SHOP)
    bought = ordered.filter(school__in=uais).order_by().values_list("school_id", flat=True)
    given = ActivationKey.objects.filter(school__in=uais).order_by().values_list("school_id", flat=True)
    ids = ordered.filter(placed_by__in=[one.pk for one in people]).values_list("placed_by_id", flat=True)
    return Clients(frozenset(filter(None, bought.union(given))), frozenset(filter(None, ids)))


def get_client_url(order: Order) -> str:
    """Return the path of the page of the client of an order; empty where nobody is known to have placed it."""
    pages = (
        ("client_collectivity", order.collectivity_id),
        ("client_school", order.school_id),
        ("client_person", order.placed_by_id),
    )
    return next((_page_url(name, pk) for name, pk in pages if pk is not None), "")


class Figure(NamedTuple):
    """How many licences: « achetées », « activées »."""

    label: str
    licences: int


def show_collectivity(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a collectivity as a client; of its schema what its office knows of members, lots and e-mails."""
    collectivity = get_object_or_404(Collectivity, pk=pk)
    orders = Order.objects.filter(collectivity=collectivity)
    contacts = list_collectivity_contacts(collectivity, orders)
    with tenant_context(collectivity):
        positions = list_pool_positions()
    day = date_in_paris(timezone.now())
    running = [position for position in positions if not position.entitlement.over_on(day)]
    return _render(
        request,
        orders=orders,
        contacts=contacts,
        client=collectivity,
        name=collectivity.name,
        requests=list_office_requests(collectivity),
        lots=positions,
        use=[
            *_describe_origins(running, day),
            Figure("données à une école", sum(lot.bought - lot.free for lot in running)),
            Figure("activées", sum(lot.redeemed_free + lot.held for lot in running)),
            Figure("utilisées par un enseignant", sum(lot.held for lot in running)),
        ],
        lost=[*list_lost_office_emails(collectivity), *list_lost_emails(contacts)],
        visit_url=_page_url("tenants_collectivity_visit", collectivity.pk),
        admin_url=_page_url("tenants_collectivity_change", collectivity.pk),
        orders_url=_list_rows("orders_order", collectivity__id__exact=collectivity.pk),
    )


def _describe_origins(lots: list[PoolPosition], day: datetime.date) -> list[Figure]:
    """Return how many licences were bought, await their purchase order, and were given by the operator."""
    awaiting = [lot for lot in lots if lot.is_purchase and _awaits_purchase_order(lot, day)]
    figures = [
        Figure("achetées", sum(lot.bought for lot in lots if lot.is_purchase and lot not in awaiting)),
        Figure("commandées, sans bon de commande accepté", sum(lot.bought for lot in awaiting)),
        Figure("offertes", sum(lot.bought for lot in lots if not lot.is_purchase)),
    ]
    return [figures[0], *(one for one in figures[1:] if one.licences)]


def _awaits_purchase_order(lot: PoolPosition, day: datetime.date) -> bool:
    status = lot.entitlement.status_on(day)
    return lot.under_review or status in (EntitlementStatus.PROVISIONAL, EntitlementStatus.LAPSED)


def show_school(request: HttpRequest, uai: str) -> HttpResponse:
    """Show a school as a client, with the keys it bought or was given."""
    school = get_object_or_404(School, pk=uai)
    orders = Order.objects.filter(school=school)
    contacts = list_school_contacts(school, orders)
    return _render(
        request,
        orders=orders,
        contacts=contacts,
        client=school,
        name=format_school(school),
        **_describe_keys(Q(school=school.pk)),
        invitations=invitations.list_school_invitations(school, timezone.now()),
        requests=list_school_requests(school),
        lost=[*list_lost_key_emails(school), *list_lost_emails(contacts)],
        admin_url=_page_url("schools_school_change", school.pk),
        orders_url=_list_rows("orders_order", school__uai__exact=school.pk),
        keys_url=_list_rows("entitlements_activationkey", school__uai__exact=school.pk),
    )


def show_person(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a person as a client: what they ordered in the shop, for whatever school."""
    person = get_object_or_404(User.objects.exclude(profile=Profile.PROGRAM), pk=pk)
    orders = Order.objects.filter(placed_by=person, kind=OrderKind.SHOP)
    contacts = list_person_contacts(person, orders)
    return _render(
        request,
        orders=orders,
        contacts=contacts,
        client=person,
        name=str(person),
        **_describe_keys(Q(redeemed_by=person)),
        lost=list_lost_emails(contacts),
        admin_url=_page_url("accounts_user_change", person.pk),
        orders_url=_list_rows("orders_order", placed_by__id__exact=person.pk),
        keys_url=_list_rows("entitlements_activationkey", redeemed_by__id__exact=person.pk),
    )


def _render(request: HttpRequest, *, orders: QuerySet[Order], **context: Any) -> HttpResponse:
    day = date_in_paris(timezone.now())
    context |= {"orders": list_client_orders(orders, day), "totals": compute_totals(orders), "today": day}
    return render(request, "back_office/client.html", context)


def _describe_keys(condition: Q) -> dict[str, Any]:
    """Return the latest keys of a condition, and the use of those that run. Four queries, and one for many schemas."""
    keys = ActivationKey.objects.filter(condition)
    today = date_in_paris(timezone.now())
    running = keys.filter(revoked_at=None, entitlement__cancelled_at=None, entitlement__last_day__gte=today)
    units = running.aggregate(all=Sum("units"), redeemed=Sum("units", filter=Q(redeemed_at__isnull=False)))
    return {
        "keys": list_keys(keys),
        "use": [
            Figure("reçues ou achetées", units["all"] or 0),
            Figure("activées", units["redeemed"] or 0),
            Figure("utilisées par un enseignant", Seat.objects.held().filter(subscription__key__in=running).count()),
        ],
    }


def _list_rows(model: str, **filters: object) -> str:
    """Return the path of the admin's list of a model, with these filters."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(filters)}"
