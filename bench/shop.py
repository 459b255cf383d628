"""The shop with sixty thousand orders: the operator's home page and a buyer's orders.

Orders are inserted in bulk, as the operations would leave them: creating them one by one would take too long.
"""

import datetime
import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from payments import PaymentStatus

from accounts.models import Profile, User
from bench.measure import Contender, Measure, MeasureGroup, medians_in_turn, peak_of_code
from bench.office_data import open_browser
from bench.query_plans import QueryPlans
from bench.raw_copy import insert_rows
from bench.registry import measure
from bench.scratch_database import as_owner
from licensing.books.billing.models import Invoice
from licensing.catalogue.operations import get_licence_product, get_school_year
from licensing.entitlements.models import Entitlement
from licensing.orders.models import Order, OrderLine, OrderState
from licensing.payments.models import CardPayment, Payment
from schools.models import Affiliation, School, Verification
from schools.uai import check_letter

#: Number of orders by state: most are paid, every other one by card.
STATES = {
    OrderState.PAID: 50_000,
    OrderState.CANCELLED: 4_000,
    OrderState.CONFIRMED: 2_000,
    OrderState.LAPSED: 1_500,
    OrderState.PLACED: 1_500,
    OrderState.DRAFT: 1_000,
}
BUYERS = 6_000
OPERATOR = "exploitation"
HT, VAT, TTC = Decimal("165.83"), Decimal("33.17"), Decimal("199.00")
_SUMS = {"total_ht": HT, "total_vat": VAT, "total_ttc": TTC}
#: Tables of a few rows, for which the planner chooses a sequential scan.
SMALL = frozenset(
    {
        "catalogue_seller", "catalogue_product", "catalogue_schoolyear", "catalogue_schooltier", "catalogue_priceband",
        "tenants_collectivity", "tenants_domain", "accounts_session", "orders_purchaseorderscan",
        "billing_platformstatus", "orders_publicbody",
    }
)  # fmt: skip


@measure("shop")
def shop() -> MeasureGroup:
    """The operator's home page with pending work; the orders of a buyer of ten."""
    _arrange()
    return MeasureGroup(
        "shop",
        (
            # It aggregates all orders: full scans are expected and timed.
            _page("what_waits", OPERATOR, "/admin/", "facturées ne sont pas réglées", may_scan=True),
            _page("my_orders", "direction0", "/boutique/commandes/", "Réglée"),
        ),
    )


def look_once(username: str, path: str) -> None:
    """Open a page once, in a separate process."""
    _browser(username).get(path)


def _browser(username: str) -> Client:
    return open_browser(User.objects.get(username=username), settings.BASE_DOMAIN)


def _page(name: str, username: str, path: str, expected: str, *, may_scan: bool = False) -> Measure:
    browser = _browser(username)

    def look() -> None:
        if expected not in browser.get(path).content.decode():
            raise RuntimeError(f"The page {path} does not show « {expected} ».")

    look()
    plans = QueryPlans(small=SMALL)
    with plans.watch():
        look()
    times = medians_in_turn({"ours": Contender(look), "floor": Contender(lambda: _replay(plans.asked))}, rounds=9)
    return Measure(
        name=name,
        ours_s=times["ours"],
        floor_s=times["floor"],
        peer_s=None,
        peak_mb=peak_of_code(f"from bench.shop import look_once; look_once({username!r}, {path!r})"),
        floor="the page's own questions alone, their answers fetched and thrown away",
        peer="none",
        plans=tuple(plans.texts()),
        full_scans=() if may_scan else tuple(plans.full_scans()),
    )


def _replay(asked: Sequence[tuple[str, Any]]) -> None:
    with connection.cursor() as cursor:
        for sql, params in asked:
            cursor.execute(sql, params)
            cursor.fetchall()


def _arrange() -> None:
    with as_owner():
        User.objects.create_superuser(OPERATOR, "exploitation@exemple.example", "un mot de passe sûr")
    _insert_orders()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@transaction.atomic
def _insert_orders() -> None:
    now = timezone.now()
    people = (
        {"username": f"direction{number}", "password": "!", "profile": Profile.PRINCIPAL.value}
        for number in range(BUYERS)
    )
    insert_rows(User, people)
    principals = list(User.objects.filter(profile=Profile.PRINCIPAL).order_by("pk").values_list("pk", flat=True))
    School.objects.bulk_create(
        School(uai=_uai(number), name=f"École n° {number}", changed_at=now) for number in range(BUYERS)
    )
    led = {"since": now, "verified_at": now, "verified_by": Verification.OPERATOR.value}
    insert_rows(
        Affiliation,
        ({**led, "user_id": principal, "school_id": _uai(number)} for number, principal in enumerate(principals)),
    )
    buyers = itertools.cycle((principal, _uai(number)) for number, principal in enumerate(principals))
    insert_rows(
        Order, (_order(state, number, *next(buyers), now) for state, count in STATES.items() for number in range(count))
    )
    orders = list(Order.objects.order_by("pk").values_list("pk", "state", "method"))
    year, product = get_school_year(now.date()), get_licence_product()
    line = {"product_id": product.pk, "school_year_id": year.pk, "quantity": 5, "unit_ht": HT, "vat_rate": 20, **_SUMS}
    insert_rows(OrderLine, ({**line, "order_id": pk, "description": "Licence globale"} for pk, _, _ in orders))
    open_ = [(pk, state) for pk, state, _ in orders if state not in (OrderState.DRAFT, OrderState.CANCELLED)]
    entitlement = {
        "kind": "shop",
        "bought_on": now.date(),
        "product_id": product.pk,
        "first_day": now.date(),
        "last_day": year.ends_on,
    }
    insert_rows(Entitlement, ({**entitlement, "number": pk, **_rights(state, now)} for pk, state in open_))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_orderline AS line SET entitlement_id = entitlement.id"
            " FROM entitlements_entitlement AS entitlement WHERE entitlement.number = line.order_id"
        )
    invoiced = [pk for pk, state, _ in orders if state in (OrderState.PAID, OrderState.CONFIRMED)]
    insert_rows(Invoice, (_invoice(pk, rank, now) for rank, pk in enumerate(invoiced, start=1)))
    cards = [pk for pk, state, method in orders if (state, method) == (OrderState.PAID, "card")]
    attempt = {
        "variant": "stripe",
        "status": PaymentStatus.CONFIRMED,
        "currency": "EUR",
        "total": TTC,
        "created": now,
        "modified": now,
    }
    insert_rows(
        CardPayment, ({**attempt, "order_id": pk, "token": f"t{pk}", "transaction_id": f"cs_{pk}"} for pk in cards)
    )
    by_card = dict(CardPayment.objects.values_list("order_id", "pk"))
    money = {"amount": TTC, "received_on": now.date(), "recorded_at": now}
    insert_rows(
        Payment,
        (
            {**money, "order_id": pk, "card_id": by_card.get(pk), "method": "card" if pk in by_card else "cheque"}
            for pk, state, _ in orders
            if state == OrderState.PAID
        ),
    )


def _uai(number: int) -> str:
    digits = f"0{300_000 + number:06d}"
    return digits + check_letter(digits)


def _order(state: OrderState, number: int, buyer: int, school: str, now: datetime.datetime) -> dict[str, Any]:
    reached = {
        OrderState.PAID: "paid_at", OrderState.CONFIRMED: "confirmed_at", OrderState.LAPSED: "lapsed_at",
        OrderState.CANCELLED: "cancelled_at",
    }  # fmt: skip
    placed = {"placed_at": now, "terms_accepted_at": now} if state != OrderState.DRAFT else {}
    by_card = state == OrderState.PAID and number % 2
    return {
        "kind": "shop", "state": state.value, "method": "card" if by_card else "mandate",
        "placed_by_id": buyer, "school_id": school, "created_at": now, "vat_treatment": "metropolitan",
        **placed, **({reached[state]: now} if state in reached else {}), **_SUMS,
    }  # fmt: skip


def _rights(state: str, now: datetime.datetime) -> dict[str, Any]:
    if state == OrderState.PLACED:
        return {"provisional_until": now.date() + datetime.timedelta(days=20)}
    if state == OrderState.LAPSED:
        return {"provisional_until": now.date() - datetime.timedelta(days=1)}
    if state == OrderState.CONFIRMED:
        return {"unpaid_until": now.date() - datetime.timedelta(days=1)}
    return {}


def _invoice(order: int, rank: int, now: datetime.datetime) -> dict[str, Any]:
    day = now.date()
    return {
        "kind": "invoice", "year": day.year, "sequence": rank, "number": f"P{day.year}-{rank:06}", "order_id": order,
        "issued_at": now, "issued_on": day, "due_on": day, "snapshot": "{}", "xml": "<a/>" * 1000, **_SUMS,
    }  # fmt: skip
