"""`manage.py resume`: what waited is output, what may have left is dropped, no number is given twice."""

import datetime
import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from installation.hold import find_hold
from licensing.books.billing import invoicing
from licensing.books.billing.models import Invoice, SkippedNumbers
from mailing.models import Message, MessageState
from sites.audit.checks import check_all
from sites.restoration import operations
from tests.database_roles import execute_as_administrator
from tests.factories.orders import OrderFactory, StoredOrderFactory
from tests.installation.copies import note
from tests.jobs.queue_rows import add_job
from tests.webhooks.events import emit_events, make_issued_event
from webhooks.models import DeliveryState

pytestmark = pytest.mark.as_owner
NOW = timezone.now()
HOUR = datetime.timedelta(hours=1)
YEAR = NOW.year


def run(*arguments):
    output = io.StringIO()
    call_command("resume", *arguments, stdout=output)
    return output.getvalue().replace("\xa0", " ")


def queue(due_at, **given):
    return Message.objects.create(
        kind="account.created", recipient="a@b.example", created_at=due_at, due_at=due_at, **given
    )


def take_id():
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('public.orders_order_id_seq')")
        return cursor.fetchone()[0]


def last_invoice(rank):
    return f"--last-invoice=P{YEAR}-{rank:06}"


def test_where_nothing_is_held_there_is_nothing_to_do(db):
    assert run() == "Rien n'est retenu.\n"


def test_a_series_that_gave_no_number_yet_is_raised_from_where_it_begins(nimes):
    execute_as_administrator("ALTER SEQUENCE c_nimes.pools_pool_id_seq RESTART WITH 3000001")
    with schema_context("public"):
        note(timeline=77)
        run("--send-all", "--sequence-margin=500", last_invoice(0))
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('c_nimes.pools_pool_id_seq')")
        assert cursor.fetchone() == (3_000_501,)


def test_it_tells_what_waited_and_proposes_the_command(nimes, endpoint):
    queue(NOW - HOUR)
    emit_events(make_issued_event(1))
    with schema_context("public"):
        queue(NOW + HOUR)
        note(timeline=77)
        output = run()
    assert "Rien ne part : base restaurée à un instant passé, ou serveur de secours promu." in output
    assert re.search(r"e-mails « .* » : 2, dès le \S+ ; en retard déjà : 1\n", output)
    assert "envois de webhooks : 1" in output
    assert f"--sequence-margin 100000 --last-invoice P{YEAR}-000010" in output
    assert find_hold() is not None


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["--send-all"], "--sequence-margin et --last-invoice"),
        (["--send-all", "--sequence-margin=1"], "--last-invoice"),
        (["--send-all", "--sequence-margin=1", "--last-invoice=12"], "n'est pas un numéro"),
        (["--send-all", "--sequence-margin=1", "--last-invoice=P2019-000001"], "Dites aussi le dernier numéro"),
        (["--drop-before=hier", "--sequence-margin=1", last_invoice(1)], "n'est pas un instant"),
        (["--drop-before=2026-13-01T00:00", "--sequence-margin=1", last_invoice(1)], "n'est pas un instant"),
        (["--send-all", "--sequence-margin=-1", last_invoice(1)], "ne recule pas"),
    ],
)
def test_half_a_decision_lifts_nothing(db, arguments, refusal):
    note(timeline=77)
    with pytest.raises(CommandError, match=refusal):
        run(*arguments)
    assert find_hold() is not None


def test_what_may_have_left_is_dropped_and_the_rest_waits(nimes, endpoint):
    left, handed_over, later = queue(NOW - HOUR), queue(NOW - HOUR, unanswered=1), queue(NOW + HOUR)
    emit_events(make_issued_event(1), at=NOW - HOUR)
    endpoint.deliveries.update(next_at=NOW - HOUR)
    with schema_context("public"):
        of_portal = queue(NOW - HOUR)
        note(timeline=77)
        before = take_id()
        output = run(f"--drop-before={NOW.isoformat()}", "--sequence-margin=500", last_invoice(0))
        assert take_id() > before + 500
        of_portal.refresh_from_db()
    assert "Abandonnés : 3 e-mails, 1 envoi de webhook, 0 relance" in output
    states = dict(Message.objects.values_list("pk", "state"))
    assert states == {
        left.pk: MessageState.CANCELLED,
        handed_over.pk: MessageState.SENT,
        later.pk: MessageState.QUEUED,
    }
    assert of_portal.reason == operations.DROPPED_MESSAGE
    assert endpoint.deliveries.get().state == DeliveryState.FAILED
    assert find_hold() is None


@pytest.mark.slow
def test_the_series_of_invoices_goes_on_after_those_that_may_be_lost(db):
    with transaction.atomic():
        first = invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=NOW)
    note(timeline=77)
    output = run("--send-all", "--sequence-margin=0", last_invoice(4))
    assert f"Numéros de facture sautés, à garder avec les comptes : P{YEAR}-000002 à P{YEAR}-000004." in output
    skipped = SkippedNumbers.objects.get()
    assert (skipped.first, skipped.last, skipped.reason) == (2, 4, operations.SKIPPING_REASON)
    following = OrderFactory(current=True, confirmed=True)
    assert list(Invoice.objects.order_by("sequence").values_list("sequence", flat=True)) == [first.sequence, 5]
    assert following.invoices.get().number == f"P{YEAR}-000005"
    assert [one.examples for one in check_all() if one.code == "invoice_numbers"] == [[]]


@pytest.mark.slow
def test_where_nothing_was_lost_no_number_is_skipped(db):
    note(held_at=NOW)
    with transaction.atomic():
        invoicing.issue_invoice(StoredOrderFactory(five_classes=True), at=NOW)
    output = run()
    assert f"manage.py resume --send-all --sequence-margin 0 --last-invoice P{YEAR}-000001" in output
    run("--send-all", "--sequence-margin=0", last_invoice(1))
    assert not SkippedNumbers.objects.exists()
    assert find_hold() is None


def test_hold_is_a_command(db):
    call_command("hold", stdout=io.StringIO())
    assert find_hold() is not None


def test_the_moment_of_the_backup_is_no_job_s_future(db):
    add_job(NOW - HOUR)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = %s", [NOW - HOUR])
        cursor.execute(
            "INSERT INTO procrastinate_events (job_id, type, at)"
            " SELECT job_id, 'scheduled', %s FROM procrastinate_events LIMIT 1",
            [NOW + HOUR],
        )
    assert operations.find_last_trace() == NOW - HOUR
