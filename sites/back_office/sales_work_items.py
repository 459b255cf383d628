"""Work items of sales: missing seller or prices, orders and invoices that need the operator."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse

from core.calendar import date_in_paris
from core.formatting import join_words, number, pluralize
from licensing.bank.models import LineState, StatementLine
from licensing.billing.models import Invoice
from licensing.billing.transmission import operations
from licensing.catalogue.models import Seller
from licensing.catalogue.operations import get_licence_product, get_product_summary
from licensing.catalogue.price_lists import list_missing_prices
from licensing.catalogue.pricing import get_year_on_sale
from licensing.e_reporting.queries import RECENT, list_statements
from sites.back_office import work_queue

#: Queues of orders that the root page lists one by one.
_LISTED = frozenset({"ouvrir", "verifier", "regler"})


class WorkItem(NamedTuple):
    """What the operator has to do, and the URL where it is done."""

    sentence: str
    url: str
    urgent: bool


def list_sales_work_items(now: datetime.datetime) -> Iterator[WorkItem]:
    """Yield the work items of sales."""
    day = date_in_paris(now)
    yield from _seller()
    yield from _product()
    yield from _test_mode()
    yield from _prices(day)
    yield from _orders(day)
    yield from _invoices()
    yield from _transmissions(now)
    yield from _statement_lines()
    yield from _periods(day)


def _seller() -> Iterator[WorkItem]:
    seller = Seller.objects.first()
    if seller is None:
        url = reverse("admin:catalogue_seller_add")
        yield WorkItem("Le vendeur n'est pas décrit : rien ne peut être facturé", url, urgent=True)
        return
    notices = {"direction de la publication": seller.publication_director, "hébergeur": seller.host}
    if missing := [name for name, value in notices.items() if not value]:
        url = reverse("admin:catalogue_seller_change", args=[seller.pk])
        yield WorkItem(f"Mentions légales à compléter : {join_words(missing)}", url, urgent=False)


def _product() -> Iterator[WorkItem]:
    if not get_product_summary():
        url = reverse("admin:catalogue_product_change", args=[get_licence_product().pk])
        yield WorkItem("Écrivez ce que les élèves exercent dans Pep's : le site ne le dit pas", url, urgent=False)


def _test_mode() -> Iterator[WorkItem]:
    # Stripe's test keys start with sk_test_ or rk_test_.
    if "_test_" in settings.STRIPE_SECRET_KEY:
        sentence = (
            "Stripe est en mode test : aucune carte n'est débitée, et qui connaît ses cartes d'essai achète pour rien"
        )
        yield WorkItem(sentence, reverse("admin:payments_cardpayment_changelist"), urgent=True)


def _prices(day: datetime.date) -> Iterator[WorkItem]:
    on_sale = get_year_on_sale(day)
    for year, sentence in list_missing_prices(day):
        url = reverse("admin:catalogue_schoolyear_change", args=[year.pk])
        # Missing prices of the year on sale are urgent, next year's are not.
        yield WorkItem(sentence.rstrip("."), url, urgent=on_sale is None or year == on_sale)


def _orders(day: datetime.date) -> Iterator[WorkItem]:
    page = reverse("admin:orders_order_changelist")
    for name, kind in work_queue.ORDER_QUEUES.items():
        if name in _LISTED:
            continue
        count = work_queue.list_waiting_orders(name, day).values("pk").distinct().count()
        if count:
            sentence = f"{number(count)}\u00a0{kind.singular if count == 1 else kind.plural}"
            yield WorkItem(sentence, f"{page}?attend={name}", urgent=kind.urgent)


def _transmissions(now: datetime.datetime) -> Iterator[WorkItem]:
    url = reverse("admin:billing_invoice_batch")
    refused = operations.list_refused().count()
    if refused:
        counted = pluralize(refused, "document n'a pas été pris", "documents n'ont pas été pris")
        yield WorkItem(f"{counted} par la plateforme : lisez pourquoi", url, urgent=True)
    silent = operations.list_silent(now).count()
    if silent:
        counted = pluralize(silent, "transmission reste", "transmissions restent")
        yield WorkItem(f"{counted} sans réponse depuis deux jours", url, urgent=True)


def _statement_lines() -> Iterator[WorkItem]:
    waiting = StatementLine.objects.filter(state=LineState.WAITING).count()
    if waiting:
        counted = pluralize(waiting, "ligne de relevé bancaire", "lignes de relevé bancaire")
        url = reverse("admin:bank_statementline_reconciliation")
        yield WorkItem(f"{counted} à rapprocher", url, urgent=False)


def _invoices() -> Iterator[WorkItem]:
    turned_down = Invoice.objects.rejected().count()
    if turned_down:
        url = reverse("admin:billing_invoice_changelist") + "?attend=rejetees"
        counted = pluralize(turned_down, "facture rejetée ou refusée", "factures rejetées ou refusées")
        yield WorkItem(f"{counted} : à refaire sous un nouveau numéro", url, urgent=True)
    disputed = Invoice.objects.disputed().count()
    if disputed:
        url = reverse("admin:billing_invoice_changelist") + "?attend=litiges"
        counted = pluralize(disputed, "facture en litige", "factures en litige")
        yield WorkItem(f"{counted} : lisez pourquoi, et répondez à l'acheteur", url, urgent=True)


def _periods(day: datetime.date) -> Iterator[WorkItem]:
    waiting = [one for one in list_statements(day=day, since=day - RECENT) if one.waits]
    if waiting:
        late = sum(one.is_late for one in waiting)
        counted = pluralize(len(waiting), "période", "périodes")
        sentence = f"{counted} d'e-reporting à déclarer ou à rectifier"
        sentence += f", dont {number(late)} en retard" if late else ""
        yield WorkItem(sentence, reverse("admin:e_reporting_periodreport_changelist"), urgent=bool(late))
