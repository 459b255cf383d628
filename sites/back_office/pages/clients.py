"""The page of a client: contacts, orders, what is owed, licences and their use, invitations, lost e-mails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.urls import reverse

from accounts.models import User
from licensing.entitlements.models import ActivationKey
from licensing.orders.models import Order, OrderKind
from schools.models import School


class Clients(NamedTuple):
    """Those of some schools and accounts that have a page of a client, by primary key."""

    schools: frozenset[str]
    people: frozenset[int]


def find_clients(schools: Iterable[School], people: Iterable[User]) -> Clients:
    """Return which of these schools have a key or an order, and which of these accounts ordered. Two queries."""
    uais = [one.pk for one in schools]
    ordered = Order.objects.filter(kind=OrderKind.SHOP)
    bought = ordered.filter(school__in=uais).order_by().values_list("school_id", flat=True)
    given = ActivationKey.objects.filter(school__in=uais).order_by().values_list("school_id", flat=True)
    ids = ordered.filter(placed_by__in=[one.pk for one in people]).values_list("placed_by_id", flat=True)
    return Clients(frozenset(filter(None, bought.union(given))), frozenset(filter(None, ids)))


def get_client_url(order: Order) -> str:
    """Return the path of the page of the client of an order; empty where nobody is known to have placed it."""
    if order.collectivity_id is not None:
        return reverse("admin:client_collectivity", args=[order.collectivity_id])
    if order.school_id is not None:
        return reverse("admin:client_school", args=[order.school_id])
    return reverse("admin:client_person", args=[order.placed_by_id]) if order.placed_by_id is not None else ""
