"""What waits for a hand in the shop: without a seller and prices nothing is sold; then orders, invoices, next year."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.urls import reverse

from licensing.catalogue.models import PriceBand, SchoolTier, SchoolYear
from licensing.catalogue.operations import day_in_france
from licensing.catalogue.pricing import year_on_sale
from licensing.orders import desk
from licensing.orders.models import Seller
from pages.operator.task import Task
from web.typography import day as written
from web.typography import number, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The date from which the next school year is sold is asked for so long before this one's end: schools order in June.
ASKED_BEFORE = datetime.timedelta(days=150)


def tasks(now: datetime.datetime) -> Iterator[Task]:
    """Return what waits."""
    day = day_in_france(now)
    yield from _seller()
    yield from _prices(day)
    yield from _orders(day)
    yield from _invoices()


def _seller() -> Iterator[Task]:
    if not Seller.objects.exists():
        url = reverse("admin:orders_seller_add")
        yield Task("Le vendeur n'est pas décrit : rien ne peut être facturé", url, urgent=True)


def _prices(day: datetime.date) -> Iterator[Task]:
    years = reverse("admin:catalogue_schoolyear_changelist")
    year = year_on_sale(day)
    if year is None:
        yield Task("Aucune année scolaire n'est en vente", years, urgent=True)
        return
    yield from _unpriced(year)
    following = SchoolYear.objects.filter(starts_on__gt=year.starts_on, sold_from__isnull=False).order_by("ends_on")
    coming = following.first()
    if coming is not None:
        yield from _unpriced(coming)
    elif year.ends_on - day < ASKED_BEFORE:
        yield Task(
            f"L'année {year} finit le {written(year.ends_on)} : dites à partir de quand la suivante est en vente",
            years,
            urgent=False,
        )


def _unpriced(year: SchoolYear) -> Iterator[Task]:
    years = reverse("admin:catalogue_schoolyear_changelist")
    missing = [
        whom
        for whom, model in (("de la boutique", SchoolTier), ("des collectivités", PriceBand))
        if not model.objects.filter(school_year=year).exists()
    ]
    if missing:
        yield Task(f"Les tarifs {' et '.join(missing)} manquent pour l'année {year}", years, urgent=True)


def _orders(day: datetime.date) -> Iterator[Task]:
    page = reverse("admin:orders_order_changelist")
    for name, kind in desk.ORDERS.items():
        count = desk.waiting(name, day).distinct().count()
        if count:
            sentence = f"{number(count)}\u00a0{kind.singular if count == 1 else kind.plural}"
            yield Task(sentence, f"{page}?attend={name}", urgent=kind.urgent)


def _invoices() -> Iterator[Task]:
    turned_down = desk.turned_down().count()
    if turned_down:
        url = reverse("admin:orders_invoice_changelist") + "?attend=rejetees"
        told = plural(turned_down, "facture rejetée ou refusée", "factures rejetées ou refusées")
        yield Task(f"{told} : à refaire sous un nouveau numéro", url, urgent=True)
