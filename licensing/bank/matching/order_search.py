"""Search of the orders that a line may pay, by whatever a person types: numbers, an amount, a payer's name or SIRET."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Q

from licensing.bank.matching.books import PAYABLE_STATES, BookedOrder, build_booked_orders
from licensing.bank.matching.invoice_numbers import find_invoice_numbers
from licensing.billing.invoice_search import parse, search_invoices
from licensing.billing.models import Invoice
from licensing.orders.models import Order, OrderState
from licensing.orders.operations.grants import OWED_STATES
from schools.folding import split_words

#: Orders that a search shows.
MAX_FOUND = 20
MAX_LENGTH = 2000
#: Numbers of orders, where nothing else is typed: « 12, 15 ».
_ORDER_NUMBERS = re.compile(r"[\s,;]*[0-9]{1,18}(?:[\s,;]+[0-9]{1,18})*[\s,;]*")


def search_orders(text: str) -> list[BookedOrder]:
    """Return the orders that a text means, owed ones first: by the numbers that it names, else by amount or payer."""
    text = text[:MAX_LENGTH]
    numbers = find_invoice_numbers(text)
    meant = Q(pk__in=[])
    for year, sequence in numbers:
        meant |= Q(year=year, sequence=sequence)
    invoices = Invoice.objects.filter(meant) if numbers else search_invoices(Invoice.objects.all(), text)
    found = Q(pk__in=invoices.values("order"))
    if not numbers and _ORDER_NUMBERS.fullmatch(text):
        found |= Q(pk__in=[int(number) for number in re.findall("[0-9]+", text)])
    if not numbers:
        found |= Q(pk__in=_find_uninvoiced(text))
    orders = Order.objects.sales().filter(found, state__in=PAYABLE_STATES, placed_at__isnull=False)
    owed = list(orders.filter(state__in=OWED_STATES).order_by("pk").values_list("pk", flat=True)[:MAX_FOUND])
    others = orders.exclude(state__in=OWED_STATES).order_by("-pk").values_list("pk", flat=True)
    ids = [*owed, *others[: MAX_FOUND - len(owed)]]
    rank = {pk: index for index, pk in enumerate(ids)}
    return sorted(load_orders(ids), key=lambda order: rank[order.pk])


def _find_uninvoiced(text: str) -> list[int]:
    """Return the orders that await their signed purchase order and that a text means: by amount, name or SIRET."""
    terms = parse(text)
    words = set(terms.words)
    uninvoiced = Order.objects.sales().filter(state__in=(OrderState.PLACED, OrderState.LAPSED))
    return [
        order.pk
        for order in uninvoiced.only("total_ttc", "bill_name", "siret", "siren")
        if order.total_ttc == terms.amount
        or (words and words <= {*split_words(order.bill_name), order.siret, order.siret[:9], order.siren})
    ]


def load_orders(ids: Iterable[int]) -> list[BookedOrder]:
    """Return the orders of these ids that money can be recorded for, with what is due for each."""
    orders = Order.objects.sales().filter(pk__in=list(ids), state__in=PAYABLE_STATES, placed_at__isnull=False)
    return build_booked_orders(orders)
