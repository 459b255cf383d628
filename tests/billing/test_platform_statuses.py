"""Statuses of an invoice on its platform: what may follow what, and what was recorded by mistake is taken back."""

import pytest
from django.db import IntegrityError, transaction
from django_tenants.utils import schema_context

from core.exceptions import DomainError
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.invoicing import list_undeposited
from licensing.books.billing.models import Invoice, PlatformState, PlatformStatus, latest_platform_status
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, list_violations
from tests.races import run_concurrently

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    """A town hall's invoice that awaits its payment."""
    return actions.confirm(OrderFactory(placed=True))


def record(invoice, *states):
    """Record the states one after the other; return the last status."""
    by = OperatorFactory()
    for state in states:
        reason = "Pièce jointe absente." if state in ("rejected", "refused", "suspended", "to_recycle") else ""
        last = billing_operations.record_platform_status(
            invoice_id=invoice.pk, state=state, reason=reason, by=by, at=TERM
        )
    return last


def take_back(status, reason="Ligne d'à côté."):
    return billing_operations.take_back_platform_status(
        status_id=status.pk, reason=reason, by=OperatorFactory(), at=TERM
    )


def get_state(invoice):
    last = invoice.get_latest_status()
    return last.state if last else ""


@pytest.mark.slow
@pytest.mark.parametrize("before", [["deposited"], ["deposited", "received"], ["received", "approved"]])
def test_a_suspended_invoice_goes_on_from_where_it_was_once_completed(invoice, before):
    record(invoice, *before)
    following = billing_operations.list_next_states(invoice)
    record(invoice, "suspended")
    assert billing_operations.list_next_states(invoice) == {"completed", "rejected", "refused"}
    record(invoice, "completed")
    assert billing_operations.list_next_states(invoice) == following
    assert "completed" not in following
    record(invoice, "suspended", "completed")
    assert billing_operations.list_next_states(invoice) == following


def test_a_suspension_and_a_recycling_say_why(invoice):
    for state in ("suspended", "to_recycle"):
        assert_refused(
            "no_reason",
            billing_operations.record_platform_status,
            invoice_id=invoice.pk, state=state, reason=" ", by=OperatorFactory(), at=TERM,
        )  # fmt: skip
        with pytest.raises(IntegrityError, match="platform_status_says_why"), transaction.atomic():
            PlatformStatus.objects.create(invoice=invoice, state=state, at=TERM)


@pytest.mark.slow
def test_an_invoice_to_recycle_is_deposited_again_under_its_number(invoice):
    record(invoice, "deposited", "to_recycle", "deposited", "received")
    assert get_state(invoice) == PlatformState.RECEIVED
    assert Invoice.objects.count() == 1


@pytest.mark.slow
def test_only_an_invoice_that_is_paid_was_collected(invoice):
    record(invoice, "deposited", "approved", "in_payment")
    assert "enregistrez d'abord son règlement" in assert_refused("invalid_status", record, invoice, "collected")
    actions.pay(invoice.order)
    assert get_state(invoice) == PlatformState.IN_PAYMENT
    record(invoice, "collected")
    assert billing_operations.list_next_states(invoice) == set()


@pytest.mark.slow
def test_a_status_recorded_by_mistake_is_taken_back_and_stays_in_the_history(invoice):
    record(invoice, "deposited")
    mistake = record(invoice, "rejected")
    assert Invoice.objects.rejected().get() == invoice
    assert_refused("no_reason", take_back, mistake, " ")
    row = take_back(mistake)
    assert take_back(mistake) == row
    assert (row.state, row.takes_back, row.reason) == ("rejected", mistake, "Ligne d'à côté.")
    assert get_state(invoice) == PlatformState.DEPOSITED
    assert not Invoice.objects.rejected().exists()
    assert Invoice.objects.values_list(latest_platform_status(), flat=True).get() == "deposited"
    assert invoice.statuses.count() == 3
    assert "« rejetée par la plateforme » repris" in invoice.order.events.get(action="platform_taken_back").summary
    # It is deposited as before: it goes on.
    record(invoice, "received")
    assert list_violations() == set()


@pytest.mark.slow
def test_only_the_latest_status_is_taken_back_one_after_the_other(invoice):
    first = record(invoice, "deposited")
    second = record(invoice, "received")
    assert "dernier état" in assert_refused("invalid_status", take_back, first)
    take_back(second)
    take_back(first)
    assert get_state(invoice) == ""
    assert invoice in list_undeposited()
    # What takes back is not taken back itself: the status is recorded again.
    assert_refused("invalid_status", take_back, second.taken_back)
    by = OperatorFactory()
    assert billing_operations.record_deposit(invoice_ids=[invoice.pk], by=by, at=TERM) == 1
    assert get_state(invoice) == PlatformState.DEPOSITED


@pytest.mark.slow
def test_a_rejection_that_was_followed_by_a_new_invoice_stays(invoice):
    rejection = record(invoice, "rejected")
    billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="Rejetée.", by=OperatorFactory(), at=TERM)
    assert "ne se reprend plus" in assert_refused("invalid_status", take_back, rejection)


@pytest.mark.slow
def test_what_is_being_paid_is_not_invoiced_anew(invoice):
    def reissue():
        billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="Nom.", by=OperatorFactory(), at=TERM)

    paying = record(invoice, "in_payment")
    assert "mise en paiement" in assert_refused("not_in_this_state", reissue)
    take_back(paying)
    actions.pay(invoice.order, amount="99.00")
    assert "99,00 € sont déjà reçus sous le numéro" in assert_refused("not_in_this_state", reissue)
    assert Invoice.objects.count() == 1


@pytest.mark.slow
def test_a_rejection_is_taken_back_or_replaced_never_both(committing):
    with schema_context("public"):
        order = OrderFactory(placed=True)
        invoice, by = actions.confirm(order), OperatorFactory()
        rejection = record(invoice, "rejected")
    run_concurrently(
        "public",
        [
            lambda: billing_operations.take_back_platform_status(
                status_id=rejection.pk, reason="Erreur.", by=by, at=TERM
            ),
            lambda: billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="Rejetée.", by=by, at=TERM),
        ],
        expected_errors=DomainError,
    )
    taken_back = PlatformStatus.objects.filter(takes_back=rejection).exists()
    # Reissued after the taking back, it was an invoice like another; before it, the rejection stays.
    assert taken_back or Invoice.objects.filter(corrects=invoice).exists()
    assert list_violations() == set()
