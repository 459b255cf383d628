"""After a rejected invoice the next one may have another VAT: credit note, correction and invoice are one act."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django_tenants.utils import schema_context

from core.exceptions import DomainError
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import InvoiceKind, PlatformState
from licensing.orders.models import OrderLine
from licensing.orders.vat import VatTreatment
from sites.audit.sales_checks import find_vat_violations
from tests.billing.schematron import list_violations as list_schematron_violations
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.assertions import assert_refused, list_email_kinds, list_violations
from tests.races import run_concurrently

pytestmark = pytest.mark.slow

EXEMPTION = "Exonération de TVA, article 151 de la directive 2006/112/CE."


def reject(order):
    """Have the platform reject the order's invoice; return the invoice."""
    invoice = order.invoices.current().get()
    for state in (PlatformState.DEPOSITED, PlatformState.REJECTED):
        billing_operations.record_platform_status(
            invoice_id=invoice.pk, state=state, reason="TVA erronée.", by=OperatorFactory(), at=TERM
        )
    return invoice


def reissue(order, treatment=VatTreatment.EXEMPT, *, by=None, **proof):
    return billing_operations.reissue_with_vat(
        order_id=order.pk, treatment=treatment, reason="Attestation reçue.", by=by or OperatorFactory(), at=TERM,
        **{"exemption": EXEMPTION} | proof,
    )  # fmt: skip


def test_the_next_invoice_has_the_corrected_vat_and_the_first_stays_as_it_was(nimes):
    order = PurchaseFactory(confirmed=True)
    first = reject(order)
    second = reissue(order)
    order.refresh_from_db()
    note = order.invoices.get(kind=InvoiceKind.CREDIT_NOTE)
    assert (first.total_ttc, note.total_ttc, second.total_ttc, order.total_ttc) == (
        Decimal("48000.00"), Decimal("48000.00"), Decimal("40000.00"), Decimal("40000.00"),
    )  # fmt: skip
    assert order.vat_correction == "Attestation reçue."
    assert list_email_kinds(order)[-1] == "invoiced"
    assert list_schematron_violations(second.xml) == []
    assert (list_violations(), list(find_vat_violations())) == (set(), [])


def test_the_total_of_an_order_credited_in_part_stays(nimes):
    """The partial credit note is issued anew to the cent: of another total it would be another part."""
    order = PurchaseFactory(confirmed=True)
    actions.credit(order, licences=10)
    reject(order)
    assert "repris par un avoir partiel" in assert_refused("not_in_this_state", reissue, order)


@pytest.mark.small
def test_vat_stays_that_of_an_invoice_that_nothing_cancels(db):
    order = OrderFactory(confirmed=True)
    assert_refused("not_in_this_state", reissue, order)
    reject(order)
    line = OrderLine.objects.get(order=order)
    with pytest.raises(IntegrityError, match="is placed"), transaction.atomic():
        OrderLine.objects.filter(pk=line.pk).update(vat_rate=0)
    assert "a déjà cette TVA" in assert_refused(
        "not_in_this_state", reissue, order, VatTreatment.METROPOLITAN, exemption=""
    )
    assert order.invoices.count() == 1


def test_a_paid_school_keeps_its_total_and_a_paid_collectivity_orders_anew(nimes):
    school = OrderFactory(paid=True)
    reject(school)
    assert reissue(school).total_ttc == school.total_ttc
    purchase = PurchaseFactory(paid=True)
    reject(purchase)
    assert "annulez la commande" in assert_refused("not_in_this_state", reissue, purchase)
    assert purchase.invoices.count() == 1
    assert (list_violations(), list(find_vat_violations())) == (set(), [])


@pytest.mark.parametrize("count", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_correcting_the_vat_and_reissuing_at_once_makes_one_invoice(committing, count):
    with schema_context("public"):
        by, calls, orders = OperatorFactory(), [], [OrderFactory(confirmed=True) for _ in range(count)]
        for order in orders:
            invoice = reject(order)
            calls.append(lambda order=order: reissue(order, by=by))
            calls.append(
                lambda invoice=invoice: billing_operations.reissue_invoice(
                    invoice_id=invoice.pk, reason="Rejet.", by=by, at=TERM
                )
            )
            calls.append(lambda order=order: actions.pay(order, by=by))
        run_concurrently("public", calls, expected_errors=DomainError)
        assert (list_violations(), list(find_vat_violations())) == (set(), [])
