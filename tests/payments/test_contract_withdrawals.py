"""A consumer withdraws from the contract of an order in 14 days: it is cancelled, credited and refunded."""

import datetime
import email
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from core.calendar import PARIS, extend_to_working_day, get_easter, is_public_holiday
from core.exceptions import DomainError
from jobs.models import Job
from licensing.books.billing.models import InvoiceKind
from licensing.books.billing.queries import get_amount_received
from licensing.catalogue.terms import render_terms_pdf
from licensing.orders.models import ContractWithdrawal, OrderState, Payer
from licensing.orders.queries import get_last_withdrawal_day
from licensing.payments.credits import withdraw_from_contract
from mailing import kinds
from mailing.mime import compose
from sites.back_office import work_items
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import TeacherFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.guide.scenario import create_browser, page_text
from tests.orders import actions
from tests.orders.assertions import assert_refused, is_usable, list_email_kinds, list_messages, list_violations
from tests.orders.dates import at_day
from tests.orders.test_emails import get_email_text
from tests.races import run_concurrently

pytestmark = pytest.mark.django_db

PERSON = {
    "billing__payer": Payer.OTHER,
    "billing__name": "Camille Durand",
    "billing__siret": "",
    "billing__email": "camille@exemple.example",
}


def withdraw(order, *, at=TERM, by=None, name="Camille Durand"):
    return withdraw_from_contract(order_id=order.pk, name=name, by=by or order.placed_by, at=at)


@pytest.mark.parametrize(
    ("year", "easter"), [(2024, (3, 31)), (2025, (4, 20)), (2026, (4, 5)), (2027, (3, 28)), (2038, (4, 25))]
)
def test_easter_is_that_of_the_calendar(year, easter):
    assert (get_easter(year).month, get_easter(year).day) == easter


def test_public_holidays_are_those_of_the_labour_code():
    days = [datetime.date(2026, 1, 1) + datetime.timedelta(days=number) for number in range(365)]
    assert [f"{day:%d/%m}" for day in days if is_public_holiday(day)] == [
        "01/01", "06/04", "01/05", "08/05", "14/05", "25/05", "14/07", "15/08", "01/11", "11/11", "25/12",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("placed", "last"),
    [
        # A Tuesday: the 14th day after it.
        ("2026-11-24", "2026-12-08"),
        # The 14th day is a Saturday, then a Sunday: Monday.
        ("2026-11-28", "2026-12-14"),
        # Friday 25 December, then a weekend.
        ("2026-12-11", "2026-12-28"),
        # Easter Monday.
        ("2026-03-23", "2026-04-07"),
    ],
)
def test_the_day_of_the_order_does_not_count_and_the_last_is_a_working_day(placed, last):
    day = datetime.date.fromisoformat(placed) + datetime.timedelta(days=14)
    assert extend_to_working_day(day).isoformat() == last


@pytest.mark.slow
def test_the_period_ends_at_midnight_in_paris():
    order = OrderFactory(placed=True, **PERSON)
    assert get_last_withdrawal_day(order) == datetime.date(2026, 12, 8)
    late = datetime.datetime(2026, 12, 8, 23, 0, tzinfo=datetime.UTC)
    assert "a pris fin le 8 décembre 2026" in assert_refused("not_in_this_state", withdraw, order, at=late)
    withdraw(order, at=late - datetime.timedelta(seconds=1))


@pytest.mark.slow
def test_only_a_person_who_pays_withdraws(nimes):
    for order in (
        OrderFactory(placed=True),
        OrderFactory(placed=True, billing__cooperative=True),
        OrderFactory(placed=True, **PERSON | {"billing__siret": "123 456 782 00010"}),
        PurchaseFactory(placed=True),
        OrderFactory(),
    ):
        assert get_last_withdrawal_day(order) is None
        assert "celui d'un particulier" in assert_refused("not_in_this_state", withdraw, order)
    stranger = TeacherFactory()
    assert_refused("unknown_order", withdraw, OrderFactory(placed=True, **PERSON), by=stranger)
    assert not ContractWithdrawal.objects.exists()


@pytest.mark.slow
def test_who_was_credited_in_part_is_given_back_the_rest():
    """The card gets what is left of it, and the last credit note is of the rest of the invoice."""
    order = OrderFactory(paid_by_card=True, **PERSON)
    actions.credit(order, licences=1)
    withdraw(order, at=TERM + datetime.timedelta(hours=1))
    refunds = order.payments.filter(kind="refunded").order_by("pk").values_list("amount", flat=True)
    notes = order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE).order_by("pk").values_list("total_ttc", flat=True)
    assert [f"{-amount}" for amount in refunds] == [f"{total}" for total in notes] == ["39.80", "159.20"]
    assert "159,20 € vous sont rendus" in get_email_text(order, "withdrawn")
    assert list_violations() == set()


@pytest.mark.slow
def test_a_card_is_refunded_by_its_provider_with_a_credit_note():
    order = OrderFactory(paid_by_card=True, **PERSON)
    withdrawal = withdraw(order, at=at_day(2))
    assert withdraw(order, at=at_day(3)) == withdrawal
    order.refresh_from_db()
    assert (order.state, get_amount_received(order), is_usable(order, at_day(2))) == (OrderState.CANCELLED, 0, False)
    assert order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE).count() == 1
    assert Job.objects.filter(task_name="payments.card.send_refund").count() == 1
    assert list_email_kinds(order) == ["paid", "withdrawn", "refunded"]
    assert list_violations() == set()


@pytest.mark.slow
def test_a_cheque_waits_for_the_operator_who_has_fourteen_days():
    order = OrderFactory(paid=True, **PERSON)
    withdraw(order, at=at_day(2))
    assert work_items.list_waiting_orders("rembourser", at_day(2).date()).get() == order
    text = get_email_text(order, "withdrawn")
    for part in (
        "accusé de réception",
        f"26 novembre 2026 à {TERM.astimezone(PARIS):%Hh%M}",
        "Nom : Camille Durand",
        "199,00 € vous sont rendus au plus tard le 10 décembre 2026",
        f"L'avoir {order.invoices.get(kind='credit_note')}",
    ):
        assert part in text


@pytest.mark.slow
def test_the_statement_stays_as_recorded():
    withdraw(OrderFactory(placed=True, **PERSON))
    for statement in (
        "UPDATE public.orders_contractwithdrawal SET name = 'X'",
        "DELETE FROM public.orders_contractwithdrawal",
    ):
        with pytest.raises(IntegrityError, match="recorded"), transaction.atomic():
            execute_as_administrator(statement, with_triggers=True)


@pytest.mark.slow
def test_a_name_carries_no_address_into_our_emails():
    order = OrderFactory(placed=True, **PERSON)
    for name in (" ", "N" * 151, "Camille www.exemple.example"):
        assert_refused("invalid_billing", withdraw, order, name=name)


@pytest.mark.slow
def test_the_emails_link_to_the_page_for_as_long_as_it_is_open(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: at_day(1))
    order = OrderFactory(placed=True, **PERSON)
    link = f"/boutique/commandes/{order.pk}/renoncer/"
    assert link in get_email_text(order, "placed")
    monkeypatch.setattr(timezone, "now", lambda: at_day(20))
    assert link not in get_email_text(order, "placed")
    assert "renoncer" not in get_email_text(OrderFactory(placed=True), "placed")


@pytest.mark.slow
def test_the_confirmation_has_the_accepted_terms_on_a_durable_medium():
    for order, kind in (
        (OrderFactory(placed=True, **PERSON), "order.placed"),
        (OrderFactory(paid_by_card=True, **PERSON), "order.paid"),
    ):
        with schema_context("public"):
            message = list_messages(order).get(kind=kind)
            rendered = kinds.get(kind).render(message)
            mime = compose(message, rendered, at=TERM).message()
        sent = email.message_from_bytes(mime.as_bytes())
        assert sent.get_content_type() == "multipart/mixed"
        parts: Any = sent.get_payload()
        body, terms_sent = parts
        assert body.get_content_type() == "multipart/alternative"
        assert terms_sent.get_filename() == f"conditions-generales-de-vente-{order.terms_version}.pdf"
        assert terms_sent.get_payload(decode=True) == render_terms_pdf(order.terms_version)
    with schema_context("public"):
        message = list_messages(OrderFactory(placed=True)).get()
        assert kinds.get(message.kind).render(message).attachments == ()


@pytest.mark.slow
def test_the_buyer_fills_in_confirms_and_is_done():
    order = OrderFactory(current=True, placed=True, **PERSON)
    browser, page = create_browser(order.placed_by), f"/boutique/commandes/{order.pk}/renoncer/"
    assert "Renoncer au contrat ici" in page_text(browser.get(f"/boutique/commandes/{order.pk}/"))
    assert "Votre déclaration" in page_text(browser.get(page))
    assert browser.post(page, {"name": "", "faire": "relire"}).status_code == 422
    shown = browser.post(page, {"name": "Camille Durand", "faire": "relire"})
    assert "Confirmer la rétractation" in page_text(shown)
    assert not ContractWithdrawal.objects.exists()
    done = page_text(browser.post(page, {"name": "Camille Durand", "faire": "confirmer"}, follow=True))
    assert "Vous avez renoncé au contrat" in done
    assert "Renoncer au contrat ici" not in done
    assert ContractWithdrawal.objects.get().order == order
    assert browser.get(page).status_code == 302
    assert create_browser(TeacherFactory()).get(page).status_code == 404


@pytest.mark.slow
def test_a_withdrawal_and_a_cheque_at_once_leave_nothing_unseen(committing):
    with schema_context("public"):
        order = OrderFactory(confirmed=True, **PERSON)
        by = TeacherFactory()
    run_concurrently(
        "public",
        [lambda: withdraw(order), lambda: withdraw(order), lambda: actions.pay(order, by=by)],
        expected_errors=DomainError,
    )
    order.refresh_from_db()
    assert order.state == OrderState.CANCELLED
    assert ContractWithdrawal.objects.count() == 1
    assert order.invoices.filter(kind=InvoiceKind.CREDIT_NOTE).count() == 1
    assert list_violations() == set()
