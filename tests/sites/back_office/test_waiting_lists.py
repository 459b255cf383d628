"""« Ce qui attend »: what is in each of the four lists, how old it is and what it is worth."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from collectivities.models import Invitation
from collectivities.operations.members import check_office
from core.calendar import PARIS
from licensing.books.billing.models import Invoice
from licensing.orders.models import Order, PurchaseOrderScan
from licensing.payments.models import Payment
from mailing.models import Message
from sites.back_office.waiting import LISTS
from tenants.models import OfficeRequest
from tests.bank.actions import upload
from tests.bank.statement_files import FileLine, StatementFile
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.dates import DAY, days_ago
from tests.sites.back_office.pages import page_text

pytestmark = pytest.mark.slow

PAGE = "/admin/a-traiter/"


def read(operator, slug):
    """Return a list as its page has it."""
    return operator.get(f"{PAGE}{slug}/").context["list"]


def receive(days: int, **billing):
    """Return an order whose signed purchase order came so many days ago."""
    order = OrderFactory(current=True, placed=True, **billing)
    actions.upload(order, at=timezone.now() - days * DAY)
    return order


def test_signed_orders_are_listed_the_oldest_first_with_age_and_amount(operator):
    late, early, middle = receive(1), receive(12), receive(3)
    waiting = read(operator, "verifier")
    assert [item.url for item in waiting.items] == [f"{PAGE}verifier/{one.pk}/" for one in (early, middle, late)]
    assert [item.age for item in waiting.items] == ["12\u00a0jours", "3\u00a0jours", "1\u00a0jour"]
    assert [item.amount for item in waiting.items] == [Decimal(199)] * 3
    assert (waiting.count, waiting.total) == (3, Decimal(597))


def test_what_came_today_says_at_which_hour(operator):
    receive(0)
    (item,) = read(operator, "verifier").items
    came = PurchaseOrderScan.objects.get().received_at.astimezone(PARIS)
    assert item.age == f"aujourd'hui à {came:%H:%M}"
    unpaid = OrderFactory(current=True, confirmed=True)
    (item,) = read(operator, "encaisser").items
    assert item.age == f"aujourd'hui à {unpaid.confirmed_at.astimezone(PARIS):%H:%M}"
    # Of an invoice only the day is known.
    (item,) = read(operator, "deposer").items
    assert item.age == "aujourd'hui"


@pytest.mark.parametrize(("few", "scans"), [(2, 3), pytest.param(8, 10, marks=pytest.mark.slow)])
def test_a_list_shows_so_many_and_says_how_many_more(operator, monkeypatch, few, scans):
    if scans < 8:
        monkeypatch.setattr("sites.back_office.waiting._FEW", few)
    for days in range(scans):
        receive(days)
    OrderFactory(current=True, in_review=True)
    answer = operator.get("/admin/")
    waiting, *_ = answer.context["lists"]
    assert (len(waiting.items), waiting.count, waiting.left_out, waiting.total) == (
        few, scans + 1, scans + 1 - few, 199 * scans + 349
    )  # fmt: skip
    assert f"Tout voir&nbsp;: À vérifier, {scans + 1}" in page_text(answer)
    assert len(read(operator, "verifier").items) == scans + 1


def test_an_unknown_buyer_s_order_is_listed_once_whether_its_scan_came_or_not(operator):
    OrderFactory(current=True, in_review=True)
    scanned = OrderFactory(current=True, in_review=True)
    actions.upload(scanned, at=timezone.now())
    waiting = read(operator, "verifier")
    assert waiting.count == 2
    assert {item.label for item in waiting.items} == {"Acheteur hors annuaire"}


def test_an_invoice_is_listed_with_what_is_left_to_pay_and_whether_it_is_late(operator):
    now = timezone.now()
    late = OrderFactory(current=True, confirmed=True, at=days_ago(60))
    partly = OrderFactory(current=True, confirmed=True)
    actions.pay(partly, amount="50", at=now)
    OrderFactory(current=True, paid=True)
    waiting = read(operator, "encaisser")
    assert [item.url for item in waiting.items] == [f"{PAGE}encaisser/{one.pk}/" for one in (late, partly)]
    assert [(item.amount, item.is_late) for item in waiting.items] == [(Decimal(199), True), (Decimal(149), False)]
    due_on = partly.invoices.get().due_on
    assert waiting.items[1].detail == (
        f"payeur : {partly.bill_name} ; 50,00\u00a0€ déjà reçus ; échéance le {due_on:%d/%m/%Y}"
    )
    assert waiting.items[0].detail.endswith("en retard de 30\u00a0jours")
    # As the payments themselves add up.
    owed = sum(order.owed for order in Order.objects.filter(state="confirmed"))
    received = sum(payment.amount for payment in Payment.objects.filter(order__state="confirmed"))
    assert waiting.total == owed - received == Decimal(348)


def test_a_bank_line_waits_to_be_matched_and_adds_nothing_to_what_is_owed(operator):
    OrderFactory(current=True, confirmed=True)
    upload(StatementFile((FileLine("42.00", "VIR INCONNU"),)))
    waiting = read(operator, "encaisser")
    assert (waiting.count, waiting.total) == (2, Decimal(199))
    (line,) = (item for item in waiting.items if item.label == "Ligne de relevé bancaire")
    assert (line.amount, line.url.endswith("/choisir/")) == (Decimal(42), True)


def test_an_invoice_to_deposit_is_listed_until_it_is(operator):
    invoice = OrderFactory(current=True, confirmed=True).invoices.get()
    (item,) = read(operator, "deposer").items
    assert item.url == f"/admin/billing/invoice/{invoice.pk}/change/"
    assert item.detail == "à déposer : Chorus Pro"
    paid = OrderFactory(current=True, paid=True)
    waiting = read(operator, "deposer")
    assert [item.detail for item in waiting.items] == ["à déposer : Chorus Pro", "à déposer : Chorus Pro ; déjà réglée"]
    assert (waiting.count, waiting.total) == (2, Decimal(398))
    actions.cancel(paid, at=timezone.now())
    assert read(operator, "deposer").total == Decimal(199)
    waiting_ids = Invoice.objects.values_list("pk", flat=True)
    operator.post("/admin/billing/invoice/a-deposer/", {"factures": "-".join(map(str, waiting_ids)), "confirmed": "1"})
    assert read(operator, "deposer").count == 0


def test_people_to_call_back_are_those_who_asked_and_those_nothing_reached(operator, nimes):
    now = timezone.now()
    OfficeRequest.objects.create(
        name="Ville d'Alès", kind="commune", siren="213000078", applicant="Awa Diop", email="awa@ales.example",
        phone="04 66 00 00 00", created_at=now - 2 * DAY,
    )  # fmt: skip
    lost = {"kind": "x", "state": "failed", "reason": "Adresse inconnue.", "due_at": now}
    with schema_context("public"):
        Message.objects.create(recipient="perdu@exemple.example", created_at=now - 5 * DAY, **lost)
        Message.objects.create(recipient="ancien@exemple.example", created_at=now - 15 * DAY, **lost)
    with tenant_context(nimes):
        Message.objects.create(recipient="ecole@nimes.example", created_at=now - DAY, **lost)
        Invitation.objects.create(
            email="awa@nimes.example", roles=["manager"], created_at=now - 9 * DAY, expires_at=now + 5 * DAY
        )
        check_office(at=now)
    waiting = read(operator, "rappeler")
    assert [(item.label, item.client, item.age) for item in waiting.items] == [
        ("Bureau vide", "Ville de Nîmes", "9\u00a0jours"),
        ("E-mail non remis", "perdu@exemple.example", "5\u00a0jours"),
        ("Bureau demandé", "Ville d'Alès", "2\u00a0jours"),
        ("E-mails non remis", "Ville de Nîmes", "1\u00a0jour"),
    ]
    assert waiting.items[2].detail == "par Awa Diop, 04 66 00 00 00"
    assert waiting.total is None
    client = operator.get(waiting.items[3].url)
    assert "ecole@nimes.example" in page_text(client)


def test_the_root_begins_with_the_counts_and_with_the_oldest_thing(operator):
    order = receive(3)
    OrderFactory(current=True, confirmed=True)
    page = page_text(operator.get("/admin/"))
    assert "À vérifier&nbsp;: <strong>1</strong> · 199,00 €" in page
    assert "À encaisser&nbsp;: <strong>1</strong> · 199,00 €" in page
    start = f'<a class="btn btn-primary" href="{PAGE}verifier/{order.pk}/">Commencer par le plus ancien à vérifier</a>'
    assert start in page


def test_where_nothing_is_to_check_one_begins_with_the_next_list(operator):
    order = OrderFactory(current=True, confirmed=True)
    link = f'href="{PAGE}encaisser/{order.pk}/">Commencer par le plus ancien à encaisser</a>'
    assert link in page_text(operator.get("/admin/"))


@pytest.mark.small
@pytest.mark.parametrize("slug", LISTS)
def test_an_empty_list_says_so(operator, slug):
    assert "Rien n’attend ici." in page_text(operator.get(f"{PAGE}{slug}/"))


@pytest.mark.small
def test_there_is_no_other_list(operator):
    assert operator.get(f"{PAGE}autre/").status_code == 404


@pytest.mark.small
def test_only_the_offices_concerned_are_asked_and_what_is_over_is_not_shown(operator, nimes, gard):
    now = timezone.now()
    with tenant_context(nimes):
        Message.objects.create(recipient="ecole@nimes.example", created_at=now, kind="x", state="failed", due_at=now)
        check_office(at=now)
    with CaptureQueriesContext(connection) as asked:
        (item,) = read(operator, "rappeler").items
    assert (item.client, item.detail) == ("Ville de Nîmes", "1\u00a0e-mail")
    statements = " ".join(each["sql"] for each in asked.captured_queries)
    assert ("c_nimes" in statements, "c_gard" in statements) == (True, False)
    # Before the office is looked at again.
    with tenant_context(nimes):
        Message.objects.all().delete()
    assert read(operator, "rappeler").items == []
