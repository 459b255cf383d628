"""« Ce qui attend »: the root of the back office and its lists, each with the oldest first, with age and amount."""

import datetime
import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, Model, OuterRef, QuerySet, Subquery, Sum, TextField, Value, When
from django.db.models.functions import Cast, JSONObject
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from collectivities.operations.members import FAILURE_WINDOW, INVITATION_GRACE
from core.calendar import PARIS, date_in_paris
from core.formatting import euros, pluralize, short_date
from licensing.books.bank.models import LineState, StatementLine
from licensing.books.billing import invoicing
from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.books.billing.queries import sum_received
from licensing.orders.models import ZERO, Order, OrderState, PurchaseOrderScan, ScanState
from licensing.payments.models import Payment
from mailing.models import LOST, Message
from sites.back_office import work_items
from tenants.cross_schema import query_all
from tenants.models import Collectivity, OfficeConcern, OfficeRequest


@dataclass(frozen=True, kw_only=True)
class WaitingItem:
    """One thing that waits, and the page where it is done. `amount`: in euros, None where none is at stake."""

    label: str
    client: str
    url: str
    #: The moment since which it waits, or the day where only that is known; and the current moment.
    since: datetime.datetime | datetime.date
    now: datetime.datetime
    detail: str = ""
    amount: Decimal | None = None
    is_late: bool = False

    @property
    def since_day(self) -> datetime.date:
        """The day since which it waits, in Europe/Paris."""
        return date_in_paris(self.since) if isinstance(self.since, datetime.datetime) else self.since

    @property
    def age(self) -> str:
        """For how long it has waited: « aujourd'hui à 14:05 », « 12 jours »."""
        days = (date_in_paris(self.now) - self.since_day).days
        if days > 0:
            return pluralize(days, "jour")
        if isinstance(self.since, datetime.datetime):
            return f"aujourd'hui à {self.since.astimezone(PARIS):%H:%M}"
        return "aujourd'hui"


@dataclass(frozen=True)
class WaitingPart:
    """Things of one kind: how many there are, the oldest of them, and what all of them are worth, in euros."""

    count: int
    items: list[WaitingItem]
    total: Decimal | None = None


def _read_oldest[M: Model](rows: QuerySet[M], limit: int, *, worth: str = "pk") -> tuple[list[M], int, Decimal]:
    """Return the first rows, how many there are of all, and the sum of `worth` of all. One statement for the three."""
    figures = JSONObject(count=Count("pk"), worth=Cast(Sum(worth), TextField()))
    # Asked once, whatever the number of rows: it names none of them.
    of_all = rows.order_by().values(nothing=Value(1)).annotate(figures=figures).values("figures")
    oldest = list(rows.annotate(of_all=Subquery(of_all))[:limit])
    found: dict[str, Any] = vars(oldest[0])["of_all"] if oldest else {"count": 0, "worth": ZERO}
    return oldest, found["count"], Decimal(found["worth"])


@dataclass(frozen=True, kw_only=True)
class WaitingList:
    """Several kinds of things to do in the same sitting. `items`: the oldest, of `count`."""

    slug: str
    title: str
    count: int
    items: list[WaitingItem]
    total: Decimal | None

    @property
    def left_out(self) -> int:
        """How many wait beside `items`."""
        return self.count - len(self.items)


def merge_parts(slug: str, title: str, parts: list[WaitingPart], *, limit: int) -> WaitingList:
    """Return the list that the parts make, with at most `limit` items; its total is that of the parts with one."""
    items = sorted((item for part in parts for item in part.items), key=operator.attrgetter("since_day"))
    totals = [part.total for part in parts if part.total is not None]
    return WaitingList(
        slug=slug,
        title=title,
        count=sum(part.count for part in parts),
        items=items[:limit],
        total=sum(totals[1:], totals[0]) if totals else None,
    )


# People who wait for the operator: offices requested, invitations not taken up, e-mails that did not arrive.
#
# Each function returns the oldest `limit` of its kind by a fixed number of queries. Offices are asked where one has a
# concern (`collectivities.operations.members`), not all of them.

#: An office's lost e-mails with the first one's moment, and when it was made, where nobody has entered it in time.
_CONCERNS_SQL = """
SELECT count(*), min(created_at) FROM {schema}.mailing_message
WHERE state IN ('failed', 'bounced') AND created_at > %s HAVING count(*) > 0
UNION ALL
SELECT 0, min(created_at) FROM {schema}.collectivities_invitation
WHERE NOT EXISTS (SELECT FROM {schema}.collectivities_member WHERE left_at IS NULL)
HAVING min(created_at) < %s
"""


def list_office_requests(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the requests for an office."""
    pending = OfficeRequest.objects.filter(state=OfficeRequest.State.PENDING)
    oldest, count, _ = _read_oldest(pending.order_by("created_at", "pk"), limit)
    items = [
        WaitingItem(
            label="Bureau demandé",
            client=request.name,
            detail=f"par {request.applicant}, {request.phone or request.email}",
            url=reverse("admin:tenants_officerequest_change", args=[request.pk]),
            since=request.created_at,
            now=now,
        )
        for request in oldest
    ]
    return WaitingPart(count, items)


def list_lost_messages(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the portal's e-mails of the last fourteen days that did not arrive."""
    lost = Message.objects.filter(state__in=LOST, created_at__gt=now - FAILURE_WINDOW)
    oldest, count, _ = _read_oldest(lost.order_by("created_at", "pk"), limit)
    items = [
        WaitingItem(
            label="E-mail non remis",
            client=message.recipient,
            detail=message.reason or message.about,
            url=reverse("admin:mailing_message_change", args=[message.pk]),
            since=message.created_at,
            now=now,
        )
        for message in oldest
    ]
    return WaitingPart(count, items)


def list_concerned_offices(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the offices where e-mails of the last fourteen days were lost, or that nobody entered in a week.

    Only where one was found to have such a concern; it may be over since.
    """
    among = Collectivity.objects.filter(pk__in=OfficeConcern.objects.values("collectivity"))
    rows = query_all(_CONCERNS_SQL, [now - FAILURE_WINDOW, now - INVITATION_GRACE], among=among)
    items = [_describe_office(now, row.collectivity, *row.values) for row in rows]
    return WaitingPart(len(items), sorted(items, key=operator.attrgetter("since_day"))[:limit])


def _describe_office(
    now: datetime.datetime, collectivity: Collectivity, lost_messages: int, since: datetime.datetime
) -> WaitingItem:
    return WaitingItem(
        label="E-mails non remis" if lost_messages else "Bureau vide",
        client=str(collectivity),
        detail=pluralize(lost_messages, "e-mail") if lost_messages else "personne n'est encore entré dans le bureau",
        url=reverse("admin:client_collectivity", args=[collectivity.pk]),
        since=since,
        now=now,
    )


# Sales that wait for the operator: signed orders to check, invoices and bank lines to settle, invoices to deposit.
#
# Each function returns the oldest `limit` of its kind by a fixed number of queries.

#: Slugs of the lists whose items are orders, as their pages have them in their addresses.
TO_CHECK, TO_COLLECT = "verifier", "encaisser"


def order_url(slug: str, order_id: int) -> str:
    """Return the page of an order that waits in that list."""
    return reverse("admin:waiting_order", args=[slug, order_id])


def get_client(order: Order) -> str:
    """Return whom the order is for: the collectivity, the school, else who pays."""
    return str(order.collectivity or order.school or order.bill_name)


def list_signed_orders(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the signed purchase orders to check."""
    # Orders of unknown buyers are checked first, whether their purchase order is there or not.
    scans = PurchaseOrderScan.objects.filter(state=ScanState.WAITING).exclude(order__state=OrderState.IN_REVIEW)
    scans = scans.select_related("order__collectivity", "order__school").defer("content").order_by("received_at", "pk")
    oldest, count, total = _read_oldest(scans, limit, worth="order__total_ttc")
    items = [
        WaitingItem(
            label="Bon de commande signé",
            client=get_client(scan.order),
            detail=f"{scan.order}, payeur : {scan.order.bill_name}",
            url=order_url(TO_CHECK, scan.order_id),
            since=scan.received_at,
            now=now,
            amount=scan.order.total_ttc,
        )
        for scan in oldest
    ]
    return WaitingPart(count, items, total)


def list_reviews(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the orders of unknown buyers, whose rights the operator opens or not."""
    orders = Order.objects.filter(state=OrderState.IN_REVIEW).order_by("placed_at", "pk")
    oldest, count, total = _read_oldest(orders, limit, worth="total_ttc")
    items = [
        WaitingItem(
            label="Acheteur hors annuaire",
            client=order.bill_name,
            detail=f"{order} : ouvrir ses droits, ou la refuser",
            url=order_url(TO_CHECK, order.pk),
            since=order.placed_at or order.created_at,
            now=now,
            amount=order.total_ttc,
        )
        for order in oldest
    ]
    return WaitingPart(count, items, total)


def list_unpaid(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the invoices to be paid, with what is left to pay of each."""
    invoice = Invoice.objects.current().filter(order=OuterRef("pk"))
    # Of all by one sum: a subquery per order takes a second on tens of thousands of orders.
    received = Payment.objects.filter(order__state=OrderState.CONFIRMED).order_by().values(nothing=Value(1))
    orders = (
        Order.objects.filter(state=OrderState.CONFIRMED)
        .select_related("collectivity", "school")
        .annotate(
            asked=F("total_ttc") - F("credited"),
            received_of_all=Subquery(received.annotate(total=Sum("amount")).values("total")),
            received=sum_received(),
            invoice_number=Subquery(invoice.values("number")),
            due_on=Subquery(invoice.values("due_on")),
        )
    )
    oldest, count, asked = _read_oldest(orders.order_by("confirmed_at", "pk"), limit, worth="asked")
    total = asked - (vars(oldest[0])["received_of_all"] or ZERO) if oldest else ZERO
    return WaitingPart(count, [_describe_unpaid(order, now) for order in oldest], total)


def _describe_unpaid(order: Order, now: datetime.datetime) -> WaitingItem:
    """Describe an order of `list_unpaid`, which has what was received of it, and number and date of its invoice."""
    found = vars(order)
    paid, due_on = found["received"], found["due_on"]
    parts = [f"{euros(paid)} déjà reçus"] if paid else []
    late = (date_in_paris(now) - due_on).days if due_on else 0
    if due_on:
        parts.append(f"échéance le {short_date(due_on)}")
    if late > 0:
        parts.append(f"en retard de {pluralize(late, 'jour')}")
    return WaitingItem(
        label=f"Facture {found['invoice_number']}" if due_on else str(order),
        client=get_client(order),
        detail=" ; ".join([f"payeur : {order.bill_name}", *parts]),
        url=order_url(TO_COLLECT, order.pk),
        since=order.confirmed_at or order.created_at,
        now=now,
        amount=order.owed - paid,
        is_late=late > 0,
    )


def list_bank_lines(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the lines of bank statements to match with orders. They add nothing to what is owed."""
    lines = StatementLine.objects.filter(state=LineState.WAITING).order_by("booked_on", "pk")
    oldest, count, _ = _read_oldest(lines, limit)
    items = [
        WaitingItem(
            label="Ligne de relevé bancaire",
            client=line.party or line.label,
            detail="à rapprocher d'une commande",
            url=reverse("admin:bank_statementline_choice", args=[line.pk]),
            since=line.booked_on,
            now=now,
            amount=line.amount - line.booked_amount - line.set_aside_amount,
        )
        for line in oldest
    ]
    return WaitingPart(count, items)


def list_deposits(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the invoices and credit notes to deposit at Chorus Pro or at an approved platform."""
    signed = Case(When(kind=InvoiceKind.INVOICE, then="total_ttc"), default=-F("total_ttc"))
    waiting = invoicing.list_undeposited().select_related("order").defer("xml").annotate(signed_total=signed)
    oldest, count, total = _read_oldest(waiting, limit, worth="signed_total")
    items = [
        WaitingItem(
            label=f"{invoice.get_kind_display()} {invoice}",
            client=str(invoice.snapshot["buyer"]["name"]),
            detail=" ; ".join(_describe_deposit(invoice)),
            url=reverse("admin:billing_invoice_change", args=[invoice.pk]),
            since=invoice.issued_on,
            now=now,
            amount=vars(invoice)["signed_total"],
        )
        for invoice in oldest
    ]
    return WaitingPart(count, items, total)


def _describe_deposit(invoice: Invoice) -> list[str]:
    """Return where it is to be deposited, and whether it is paid already."""
    route = [f"à déposer : {invoice.route.label}"] if invoice.route else []
    is_paid = invoice.kind == InvoiceKind.INVOICE and invoice.order.state == OrderState.PAID
    return [*route, *(["déjà réglée"] if is_paid else [])]


#: Of each list, by its slug: title, and what makes it.
LISTS: dict[str, tuple[str, tuple[Callable[[datetime.datetime, int], WaitingPart], ...]]] = {
    TO_CHECK: ("À vérifier", (list_signed_orders, list_reviews)),
    TO_COLLECT: ("À encaisser", (list_unpaid, list_bank_lines)),
    "deposer": ("À déposer", (list_deposits,)),
    "rappeler": (
        "À rappeler",
        (
            list_office_requests,
            list_lost_messages,
            list_concerned_offices,
        ),
    ),
}


def build_list(slug: str, now: datetime.datetime, *, limit: int) -> WaitingList:
    """Return one list, with its oldest `limit` items. Raises `KeyError` for an unknown slug."""
    title, sources = LISTS[slug]
    return merge_parts(slug, title, [read(now, limit) for read in sources], limit=limit)


#: Items of each list on the root page, and on the list's own.
_FEW, _MANY = 8, 200


def show_queue(request: HttpRequest) -> HttpResponse:
    """Show the four lists, the oldest items of each, and whatever else is to do."""
    now = timezone.now()
    lists = [build_list(slug, now, limit=_FEW) for slug in LISTS]
    work = work_items.read_work(now)
    first = next((one for one in lists if one.items), None)
    context = {
        "lists": lists,
        "next": first.items[0] if first else None,
        # « à vérifier »: the oldest of the first list that has something, not of all four.
        "next_title": first.title.lower() if first else "",
        "urgent": [task for task in work.items if task.urgent],
        "others": [task for task in work.items if not task.urgent],
        "synchronised": work.synchronised_at,
    }
    return render(request, "back_office/queue.html", context)


def show_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one list."""
    if slug not in LISTS:
        raise Http404
    return render(request, "back_office/waiting_list.html", {"list": build_list(slug, timezone.now(), limit=_MANY)})
