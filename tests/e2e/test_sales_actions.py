"""Every action on an order, an invoice or a payment: its confirmation page, at both widths."""

import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from core.calendar import date_in_paris
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import PlatformState
from licensing.books.billing.transmission.operations import request_transmissions
from licensing.orders import operations
from licensing.payments import operations as payment_operations
from sites.back_office.model_admins import ActionAdmin
from tests.access.routes import PORTAL
from tests.billing.transmission.scripted_platform import PATH, Script
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, find_overflow, run_axe_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.e2e.site import WIDTHS
from tests.factories.accounts import OperatorFactory, PrincipalFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.payments import CardPaymentFactory
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import sell_next_year
from tests.orders import actions

#: The actions that the guide shows.
IN_THE_GUIDE = {
    "orders.order/reglement": "reglement",
    "payments.payment/annuler": "annuler-un-reglement",
    "orders.order/reporter-le-trop-percu": "reporter-un-trop-percu",
    "orders.order/tva": "corriger-la-tva",
    "orders.order/avoir-partiel": "avoir-partiel",
}


def sell(committing):
    """Leave one order in each state that an action begins from."""
    at = timezone.now()
    for state in ("quoted", "scanned", "placed", "lapsed", "lapsed_scanned", "confirmed", "paid", "in_review"):
        OrderFactory(current=True, **{state: True})
    OrderFactory(current=True, placed=True, billing__siret="")
    for state in ("cancelled", "paid_by_card"):
        order = OrderFactory(current=True, **{state: True})
    # Cancelled and given back to its card; then what the provider could not give back.
    billing_operations.cancel(order_id=order.pk, reason="Doublon.", by=OperatorFactory(), at=at)
    CardPaymentFactory(order=OrderFactory(current=True, confirmed=True), message="La carte n'existe plus.")
    with tenant_context(committing):
        PurchaseFactory(current=True, confirmed=True)
    operator = OperatorFactory()
    by: dict[str, Any] = {"by": operator, "at": at}
    surplus = OrderFactory(current=True, confirmed=True)
    payment_operations.record_payment(
        order_id=surplus.pk, method="transfer", amount=surplus.total_ttc + 5, received_on=date_in_paris(at),
        reference="VIR 12", **by,
    )  # fmt: skip
    for state in (PlatformState.DEPOSITED, PlatformState.SUSPENDED, PlatformState.REJECTED):
        invoice = OrderFactory(current=True, confirmed=True).invoices.get()
        billing_operations.record_platform_status(invoice_id=invoice.pk, state=state, reason="Motif.", **by)
    suspended = OrderFactory(current=True, confirmed=True)
    operations.suspend(order_id=suspended.pk, cause=None, **by)
    refunded = OrderFactory(current=True, paid_by_card=True).payments.get()
    payment_operations.record_provider_refund(payment_id=refunded.pk, amount=Decimal(50), reference="re_1", at=at)
    unanswered = OrderFactory(current=True, confirmed=True).invoices.get()
    request_transmissions(invoice_ids=[unanswered.pk], by=operator, at=at - datetime.timedelta(days=3))
    order_next_year(refunded.order.lines.get().school_year, at=at)
    return operator


def order_next_year(year, *, at):
    """Place an order whose licences begin next year."""
    next_year = sell_next_year(year, sold_from=date_in_paris(at))
    affiliation = AffiliationFactory(user=PrincipalFactory())
    draft = operations.create_school_draft(
        classes=3, affiliation=affiliation, by=affiliation.user, at=at, ends_in=next_year.ends_on.year
    )
    actions.place(draft, at=at)


def list_action_pages():
    """Return the address of each action's page, on the first row that it is open to."""
    pages = {}
    for model_admin in admin.site._registry.values():  # noqa: SLF001 - no public way to ask what is registered
        if isinstance(model_admin, ActionAdmin):
            rows = list(model_admin.model._default_manager.order_by("pk"))  # noqa: SLF001 - documented
            for action in model_admin.admin_actions:
                row = next((one for one in rows if action.is_available(one)), None)
                address = row and reverse(
                    f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_action",
                    args=[row.pk, action.path],
                    urlconf=PORTAL,
                )
                pages[f"{model_admin.opts.label_lower}/{action.path}"] = address
    return pages


def test_the_page_of_every_action_has_no_problems(committing, site, settings):
    """From the registry, so that a new action cannot be forgotten."""
    settings.INVOICE_PLATFORMS = {"chorus_pro": (PATH, Script())}
    with schema_context("public"):
        operator = sell(committing)
        pages = list_action_pages()
    assert [name for name, address in pages.items() if not address] == []
    visit = open_signed_in(site, "peps.localhost", operator)
    found = {}
    for name, address in pages.items():
        page = visit.open(address)
        found[name] = [*run_axe_at_both_widths(page), *visit.complaints]
        page.set_viewport_size(WIDTHS["phone"])
        found[name] += find_overflow(page)
        page.set_viewport_size(WIDTHS["wide"])
        if name in IN_THE_GUIDE:
            keep_picture(page, f"ventes-{IN_THE_GUIDE[name]}")
        visit.complaints.clear()
    assert_no_problems(found)
