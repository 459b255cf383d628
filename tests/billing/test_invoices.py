"""Invoices: content, numbering, immutability."""

import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import F

from jobs.models import Job
from licensing.books.billing import invoicing
from licensing.books.billing.models import BillingDocument, Invoice, InvoiceKind, InvoiceSequence
from licensing.books.billing.tasks import render_invoice_pdf
from licensing.catalogue.models import Seller
from licensing.orders.exceptions import BadBilling, NotInvoiceable
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import TeacherFactory
from tests.factories.orders import OrderFactory, StoredOrderFactory
from tests.factories.schools import AffiliationFactory
from tests.refusals import refuses

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")


def test_an_invoice_freezes_the_order_s_data():
    order = StoredOrderFactory(five_classes=True)
    invoice = invoicing.issue_invoice(order, at=TERM)
    assert (invoice.number, invoice.issued_on, invoice.due_on) == (
        "P2026-000001",
        datetime.date(2026, 11, 24),
        datetime.date(2026, 12, 24),
    )
    assert (invoice.total_ht, invoice.total_vat, invoice.total_ttc) == (
        Decimal("165.83"),
        Decimal("33.17"),
        Decimal("199.00"),
    )
    line = invoice.snapshot["lines"][0]
    assert line["description"] == "Licence globale TOUS NIVEAUX (5\xa0classes - 150 élèves) – expiration au 31/08/2027"
    assert order.school.uai in line["detail"]
    # The PDF task is queued in the same transaction.
    assert Job.objects.get().args["invoice_id"] == invoice.pk


@pytest.mark.slow
def test_an_order_is_invoiced_once_and_again_after_its_credit_note():
    order = StoredOrderFactory(five_classes=True)
    first = invoicing.issue_invoice(order, at=TERM)
    with refuses("already_invoiced", match=first.number):
        invoicing.issue_invoice(order, at=TERM)
    note = invoicing.issue_credit_note(first, at=TERM, reason="Rejetée : numéro d'engagement inconnu")
    with refuses("already_credited", match=note.number):
        invoicing.issue_credit_note(first, at=TERM, reason="Encore")
    with pytest.raises(NotInvoiceable):
        invoicing.issue_credit_note(note, at=TERM, reason="Un avoir ne s'annule pas")
    second = invoicing.issue_invoice(order, at=TERM)
    assert [note.number, second.number] == ["P2026-000002", "P2026-000003"]
    assert (note.kind, note.corrects, note.total_ttc) == (InvoiceKind.CREDIT_NOTE, first, first.total_ttc)


@pytest.mark.slow
def test_what_is_refused_takes_no_number():
    order = StoredOrderFactory(five_classes=True)
    for change in ({"bill_country": "Atlantide"}, {"bill_name": " "}, {"total_ttc": 0}):
        before = {name: getattr(order, name) for name in change}
        for name, value in change.items():
            setattr(order, name, value)
        with pytest.raises(NotInvoiceable):
            invoicing.issue_invoice(order, at=TERM)
        for name, value in before.items():
            setattr(order, name, value)
    Seller.objects.all().delete()
    with refuses("no_seller"):
        invoicing.issue_invoice(order, at=TERM)
    assert not InvoiceSequence.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.slow
def test_numbers_follow_the_days_and_begin_again_with_the_year():
    late = datetime.datetime(2026, 12, 31, 23, 30, tzinfo=PARIS)
    new_year = datetime.datetime(2026, 12, 31, 23, 30, tzinfo=datetime.UTC)  # 0.30 in Paris
    on = [invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=at) for at in (late, TERM, new_year)]
    assert [(one.number, one.issued_on.isoformat()) for one in on] == [
        ("P2026-000001", "2026-12-31"),
        ("P2026-000002", "2026-12-31"),  # a clock that is late: never before the previous invoice
        ("P2027-000001", "2027-01-01"),
    ]


@pytest.mark.slow
def test_the_database_refuses_a_gap_and_a_change():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Invoice.objects.update(total_ht=0, total_vat=0, total_ttc=0)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk)._raw_delete("default")  # noqa: SLF001 - as an operator at a console might
    for statement in ("UPDATE public.billing_invoice SET total_ht = 0", "DELETE FROM public.billing_invoice"):
        with pytest.raises(IntegrityError, match="issued"), transaction.atomic():
            execute_as_administrator(statement, with_triggers=True)
    InvoiceSequence.objects.update(last=F("last") + 1)
    with pytest.raises(IntegrityError, match="does not follow"), transaction.atomic():
        invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)


@pytest.mark.slow
def test_the_document_is_made_once():
    invoice = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=TERM)
    render_invoice_pdf(**{name: value for name, value in Job.objects.get().args.items() if name != "schema"})
    document = BillingDocument.objects.get()
    assert invoicing.get_or_create_document(invoice, at=TERM + datetime.timedelta(days=1)) == document
    assert bytes(BillingDocument.objects.get().content) == bytes(document.content)


@pytest.mark.slow
def test_an_address_that_could_not_be_invoiced_is_refused_before_the_order():
    with pytest.raises(BadBilling, match="Atlantide") as refusal:
        OrderFactory(placed=True, billing__country="Atlantide")
    assert refusal.value.field == "country"
    order = OrderFactory(placed=True, billing__country="La Réunion", billing__postal_code="97400")
    assert order.bill_country == "La Réunion"


@pytest.mark.slow
def test_the_payer_reads_which_school_it_is_for():
    teacher = TeacherFactory(first_name="Camille", last_name="Durand")

    def detail(**fields) -> str:
        order = StoredOrderFactory(five_classes=True, school=None, placed_by=teacher, **fields)
        return invoicing.issue_invoice(order, at=TERM).snapshot["lines"][0]["detail"]

    assert detail() == "Pour Camille Durand"
    assert detail(bill_name="Camille Durand") == ""
    AffiliationFactory(user=teacher, school=None, name="École bilingue", postal_code="30900", city="Nîmes")
    assert detail() == "Pour École bilingue, 30900 Nîmes"
