"""Work items of sales: missing seller or prices, orders and invoices that need the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse

from licensing.catalogue.operations import day_in_france
from licensing.catalogue.price_lists import waits_on
from licensing.catalogue.pricing import year_on_sale
from licensing.orders import desk, invoicing
from licensing.orders.models import Seller
from pages.operator.task import Task
from web.typography import number, plural

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator


def tasks(now: datetime.datetime) -> Iterator[Task]:
    """Yield the work items of sales."""
    day = day_in_france(now)
    yield from _seller()
    yield from _test_mode()
    yield from _prices(day)
    yield from _orders(day)
    yield from _invoices()


def _seller() -> Iterator[Task]:
    if not Seller.objects.exists():
        url = reverse("admin:orders_seller_add")
        yield Task("Le vendeur n'est pas décrit : rien ne peut être facturé", url, urgent=True)


def _test_mode() -> Iterator[Task]:
    # Stripe's test keys start with sk_test_ or rk_test_.
    if "_test_" in settings.STRIPE_SECRET_KEY:
        sentence = (
            "Stripe est en mode test : aucune carte n'est débitée, et qui connaît ses cartes d'essai achète pour rien"
        )
        yield Task(sentence, reverse("admin:orders_cardpayment_changelist"), urgent=True)


def _prices(day: datetime.date) -> Iterator[Task]:
    on_sale = year_on_sale(day)
    for year, sentence in waits_on(day):
        url = reverse("admin:catalogue_schoolyear_change", args=[year.pk])
        # Missing prices of the year on sale are urgent, next year's are not.
        yield Task(sentence.rstrip("."), url, urgent=on_sale is None or year == on_sale)


def _orders(day: datetime.date) -> Iterator[Task]:
    page = reverse("admin:orders_order_changelist")
    for name, kind in desk.ORDERS.items():
        count = desk.waiting(name, day).values("pk").distinct().count()
        if count:
            sentence = f"{number(count)}\u00a0{kind.singular if count == 1 else kind.plural}"
            yield Task(sentence, f"{page}?attend={name}", urgent=kind.urgent)


def _invoices() -> Iterator[Task]:
    turned_down = desk.turned_down().count()
    if turned_down:
        url = reverse("admin:orders_invoice_changelist") + "?attend=rejetees"
        counted = plural(turned_down, "facture rejetée ou refusée", "factures rejetées ou refusées")
        yield Task(f"{counted} : à refaire sous un nouveau numéro", url, urgent=True)
    waiting = invoicing.to_deposit().count()
    if waiting:
        counted = plural(waiting, "facture ou avoir", "factures ou avoirs")
        url = reverse("admin:orders_invoice_batch")
        yield Task(f"{counted} à déposer sur Chorus Pro ou sur votre plateforme agréée", url, urgent=False)
