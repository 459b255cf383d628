"""Every action on an order, an invoice or a payment: its confirmation page, at both widths."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from PIL import Image, ImageChops

from licensing.billing import operations as billing_operations
from licensing.billing.models import PlatformState
from licensing.orders import operations
from licensing.payments import operations as payment_operations
from sites.back_office.sales.admin_actions import ActionAdmin
from tests.access.routes import PORTAL
from tests.e2e.page_checks import assert_no_problems, find_overflow, run_axe_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.e2e.site import WIDTHS
from tests.factories.accounts import OperatorFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.payments import CardPaymentFactory

#: Folder for the guide's screenshots, if configured, and the actions that it shows.
PICTURES = os.environ.get("PICTURES")
IN_THE_GUIDE = {
    "orders.order/reglement": "reglement",
    "payments.payment/annuler": "annuler-un-reglement",
    "orders.order/reporter-le-trop-percu": "reporter-un-trop-percu",
    "orders.order/tva": "corriger-la-tva",
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
        order_id=surplus.pk, method="transfer", amount=surplus.total_ttc + 5, received_on=at.date(),
        reference="VIR 12", **by,
    )  # fmt: skip
    for state in (PlatformState.DEPOSITED, PlatformState.SUSPENDED, PlatformState.REJECTED):
        invoice = OrderFactory(current=True, confirmed=True).invoices.get()
        billing_operations.record_platform_status(invoice_id=invoice.pk, state=state, reason="Motif.", **by)
    suspended = OrderFactory(current=True, confirmed=True)
    operations.suspend(order_id=suspended.pk, cause=None, **by)
    return operator


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


def save_picture(screenshot, name):
    """Save a page's picture for the guide, without the blank below."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    _, _, _, bottom = ImageChops.difference(picture, Image.new("RGB", picture.size, "white")).getbbox()
    picture = picture.crop((0, 0, picture.width, min(bottom + 24, picture.height)))
    picture.quantize(96).save(Path(PICTURES) / f"ventes-{IN_THE_GUIDE[name]}.png", optimize=True)


def test_the_page_of_every_action_has_no_problems(committing, site):
    """From the registry, so that a new action cannot be forgotten."""
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
        if PICTURES and name in IN_THE_GUIDE:
            save_picture(page.screenshot(), name)
        visit.complaints.clear()
    assert_no_problems(found)
