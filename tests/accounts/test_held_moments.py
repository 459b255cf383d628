"""What is sealed is written as of now: the database refuses another date, or says it beside its own."""

import contextlib
import datetime

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts import account_journal
from accounts.models import SEALED_ACCOUNT_EVENTS, AccountEvent
from collectivities import audit_log
from collectivities.models import SEALED_AUDIT_LOG, AuditEntry
from licensing.books.billing.models import SEALED_INVOICES, Invoice, InvoiceSequence
from licensing.payments.models import SEALED_PAYMENTS, Payment
from tenants.checks import check_moments
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import UserFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions

DAY, FORTY_DAYS = datetime.timedelta(days=1), datetime.timedelta(days=40)

pytestmark = pytest.mark.django_db


def hold_moments():
    """Hold moments for the rest of the test, as migrations do and databases of tests do not."""
    execute_as_administrator(
        "CREATE OR REPLACE FUNCTION public.accounts_accepts_any_moment() RETURNS boolean LANGUAGE sql STABLE"
        " AS 'SELECT false'",
        # Left out, no trigger would fire afterwards.
        with_triggers=True,
    )


@pytest.fixture
def _held(db):
    hold_moments()


def write_past_entry(summary):
    audit_log.record(action="office.opened", by=UserFactory(), at=timezone.now() - FORTY_DAYS, summary=summary)


def write_past_entries(summary):
    entries = [audit_log.NewAuditEntry("keys.resent", summary)]
    audit_log.record_many(entries, by=UserFactory(), at=timezone.now() - FORTY_DAYS)


@pytest.mark.usefixtures("_held")
@pytest.mark.parametrize("write", [write_past_entry, write_past_entries])
def test_an_entry_of_the_past_is_dated_now_and_says_what_it_was_dated(nimes, write):
    write("Lot supprimé.")
    entry = AuditEntry.objects.get()
    assert timezone.now() - entry.at < datetime.timedelta(hours=1)
    day = timezone.localtime(timezone.now() - FORTY_DAYS)
    assert entry.summary.startswith(f"Lot supprimé. (Date indiquée : le {day:%d/%m/%Y} à ")


@pytest.mark.usefixtures("_held")
def test_a_job_that_is_run_again_finds_the_entry_that_it_wrote_late(nimes):
    at = timezone.now() - FORTY_DAYS
    audit_log.record(action="keys.held", by=None, at=at, summary="Une licence.")
    for summary, moment, found in (("Une licence.", at, 1), ("Une licence.", at - DAY, 0), ("Deux licences.", at, 0)):
        written = AuditEntry.objects.filter(audit_log.written_as(at=moment, summary=summary))
        assert written.count() == found


@pytest.mark.usefixtures("_held")
def test_an_entry_of_the_hour_keeps_its_moment(nimes):
    at = timezone.now() - datetime.timedelta(minutes=50)
    audit_log.record(action="office.opened", by=None, at=at, summary="Ouverture.")
    assert list(AuditEntry.objects.values_list("at", "summary")) == [(at, "Ouverture.")]


@pytest.mark.usefixtures("_held")
@pytest.mark.parametrize("offset", [-FORTY_DAYS, -datetime.timedelta(hours=2), datetime.timedelta(hours=2)])
def test_no_seal_and_no_event_of_an_account_has_another_moment(nimes, offset):
    at = timezone.now() + offset
    audit_log.record(action="office.opened", by=None, at=timezone.now(), summary="Ouverture.")
    account_journal.record_event(AccountEvent.Action.SIGNED_IN, user=None, at=timezone.now())
    for seal in (SEALED_AUDIT_LOG.seal_new_entries, SEALED_ACCOUNT_EVENTS.seal_new_entries):
        with pytest.raises(DatabaseError, match="is written as of now"), transaction.atomic():
            seal(at=at)
    with pytest.raises(DatabaseError, match="is written as of now"), transaction.atomic():
        account_journal.record_event(AccountEvent.Action.SIGNED_IN, user=None, at=at)
    assert SEALED_AUDIT_LOG.seal_new_entries(at=timezone.now()) == 1


@pytest.mark.slow
def test_no_invoice_and_no_payment_is_of_the_past():
    """Copies of rows that stand in the books, in the name of who wrote those."""
    order = OrderFactory(quoted=True)
    actions.place(order)
    actions.confirm(order)
    actions.pay(order)
    payment, invoice = Payment.objects.get(), Invoice.objects.get()
    hold_moments()
    past = timezone.now() - FORTY_DAYS
    payment.pk, payment.recorded_at = None, past
    invoice.pk, invoice.issued_at, invoice.sequence = None, past, invoice.sequence + 1
    InvoiceSequence.objects.update(last=invoice.sequence)
    for row in (payment, invoice):
        with pytest.raises(DatabaseError, match="is written as of now"), transaction.atomic():
            row.save(force_insert=True)
    for journal in (SEALED_INVOICES, SEALED_PAYMENTS):
        with pytest.raises(DatabaseError, match="is written as of now"), transaction.atomic():
            journal.seal_new_entries(at=past)


@pytest.mark.usefixtures("_held")
@pytest.mark.parametrize(
    "attempt",
    [
        "CREATE OR REPLACE FUNCTION public.accounts_accepts_any_moment() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE FUNCTION pg_temp.accounts_accepts_any_moment() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    ],
)
def test_the_application_cannot_lift_it(nimes, attempt):
    with connection.cursor() as cursor:
        with contextlib.suppress(DatabaseError), transaction.atomic():
            cursor.execute(attempt)
        write_past_entry("Lot supprimé.")
        assert "Date indiquée" in AuditEntry.objects.get().summary


def test_the_check_before_a_start_names_a_database_of_tests():
    assert [error.id for error in check_moments(None, ["default"])] == ["peps.E022"]


@pytest.mark.usefixtures("_held")
def test_the_check_before_a_start_finds_nothing_where_migrations_alone_have_been():
    assert check_moments(None, ["default"]) == []
