"""The office's home page: to-do list, pools, map of the territory, latest events."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, Q
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from collectivities import token_list
from collectivities.access import office
from collectivities.models import ACCOUNT_ACTIONS, PORTFOLIO_LIST_ACTIONS, AuditEntry, PortfolioSchool, Role
from core import formatting
from core.calendar import date_in_paris
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from imports.operations import describe_requests, list_arrivals
from licensing.billing.queries import has_rejected_invoice
from licensing.entitlements.wording import countdown
from licensing.orders.models import Order, OrderState
from licensing.pools.filters import DORMANT, DORMANT_DAYS, HELD, LOST
from licensing.pools.models import BULK_ACTIONS, Allocation
from licensing.pools.queries import (
    PoolPosition,
    filter_lost_email,
    filter_not_redeemed_since,
    list_allocations,
    list_held_keys,
    list_pool_positions,
)
from licensing.pools.wording import describe_held_keys
from schools.models import School
from sites.office.territory import build_map

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest

#: A pool whose free share is lower is reported as nearly exhausted.
LOW_FREE_SHARE = 0.1
MAX_EVENTS = 10
#: Imports to apply that are named one by one.
MAX_REQUESTS = 5
#: Roles that can open the pages of purchases.
_PRICE_ROLES = frozenset({Role.BUYER, Role.MANAGER})


class TodoItem(NamedTuple):
    """An item of the to-do list, with a link to the page where it is done."""

    words: str
    url: str
    action: str


@office()
def office_home(request: OfficeHttpRequest) -> HttpResponse:
    """Show the to-do list, then pools, territory and latest events."""
    now = timezone.now()
    today = date_in_paris(now)
    positions = list_pool_positions()
    running = [position for position in positions if not position.entitlement.over_on(today)]
    context = {
        "to_do": [
            *_list_unpaid_orders(running, today, sees_prices=not _PRICE_ROLES.isdisjoint(request.member.roles)),
            *_list_allocation_problems(now),
            *_list_imports_to_check(asks_for_application=Role.MANAGER in request.member.roles),
            *_list_schools_now_known(),
            *_list_nearly_exhausted_pools(running, today),
            *(_list_expiring_tokens(now) if Role.MANAGER in request.member.roles else ()),
        ],
        "buys": Role.BUYER in request.member.roles,
        "pools": running,
        "ended": len(positions) - len(running),
        "territory": _build_territory_map(),
        "entries": _list_latest_entries(),
    }
    return render(request, "office/home.html", context)


def _list_latest_entries() -> QuerySet[AuditEntry]:
    """Return the latest audit entries; of bulk operations only the summary, and no sign-ins."""
    entries = AuditEntry.objects.exclude(action__in=[*BULK_ACTIONS, *PORTFOLIO_LIST_ACTIONS])
    entries = entries.exclude(action__startswith=ACCOUNT_ACTIONS)
    return entries.order_by("-at", "-pk")[:MAX_EVENTS]


def _list_allocation_problems(now: datetime.datetime) -> list[TodoItem]:
    current = list_allocations(date_in_paris(now))
    address = reverse("pools:allocations")
    to_do = []
    if lost := filter_lost_email(current).count():
        words = formatting.pluralize(lost, "e-mail n'est pas arrivé", "e-mails ne sont pas arrivés")
        to_do.append(TodoItem(f"{words} à son école." if lost == 1 else f"{words} à leur école.",
        f"{address}?state={LOST}",
                          "Corriger l'adresse et renvoyer"))  # fmt: skip
    if dormant := filter_not_redeemed_since(now - datetime.timedelta(days=DORMANT_DAYS), current).count():
        words = formatting.pluralize(dormant, "clé n'est pas activée", "clés ne sont pas activées")
        words += f" {DORMANT_DAYS} jours après {'son' if dormant == 1 else 'leur'} envoi."
        to_do.append(TodoItem(words, f"{address}?state={DORMANT}", "Relancer"))
    today = date_in_paris(now)
    for pool, keys in list_held_keys(today):
        words = describe_held_keys(keys, pool.name, pool.entitlement, today)
        to_do.append(TodoItem(words, f"{address}?pool={pool.pk}&state={HELD}", "Voir ces clés"))
    return to_do


def _list_imports_to_check(*, asks_for_application: bool) -> list[TodoItem]:
    """Return an item for each import that a manager is asked to apply, and one for all others to check."""
    checked = SpreadsheetImport.objects.filter(state=ImportState.CHECKED).order_by("requested_at", "pk")
    requested = list(checked.exclude(requested_by_id=None)[:MAX_REQUESTS]) if asks_for_application else []
    people = User.objects.in_bulk({one.requested_by_id for one in requested}) if requested else {}
    figures = describe_requests(requested) if requested else {}
    to_do = [
        TodoItem(
            formatting.add_nonbreaking_spaces(
                f"{people.get(one.requested_by_id or 0, 'On vous')} demande d'appliquer « {one.filename} » :"
                f" {figures[one.pk]}."
            ),
            reverse("imports:detail", args=[one.pk]),
            "Vérifier et appliquer",
        )
        for one in requested
    ]
    waiting = checked.count() - len(to_do)
    if waiting:
        words = formatting.pluralize(waiting, "tableau attend", "tableaux attendent")
        to_do.append(TodoItem(f"{words} votre vérification.", reverse("imports:list"), "Vérifier et appliquer"))
    return to_do


def _list_schools_now_known() -> list[TodoItem]:
    """Return an item for schools that imports wait for and that are now in the directory."""
    schools = sum(arrival.schools for arrival in list_arrivals())
    if not schools:
        return []
    words = formatting.pluralize(schools, "école attendue est", "écoles attendues sont")
    return [TodoItem(f"{words} maintenant dans l'annuaire.", reverse("imports:list"), "Reprendre pour vérification")]


def _list_unpaid_orders(running: list[PoolPosition], today: datetime.date, *, sees_prices: bool) -> list[TodoItem]:
    """Return items for unpaid orders, with their countdown, and for suspended entitlements."""
    to_do = []
    unpaid = [position.order_number for position in running if position.entitlement.temporary_until is not None]
    orders = Order.objects.filter(pk__in=unpaid).annotate(turned_down=has_rejected_invoice())
    orders_by_pk = {order.pk: order for order in orders}
    for position in sorted(running, key=lambda one: one.entitlement.temporary_until or one.last_day):
        entitlement = position.entitlement
        if entitlement.suspended_on(today):
            situation = "suspendu, rien ne peut en être attribué tant que sa commande n'est pas régularisée"
        elif entitlement.temporary_until is not None:
            order = orders_by_pk[position.order_number]
            if vars(order)["turned_down"]:
                # Do not ask for payment of an invoice that will be replaced.
                situation = "facture non acceptée, ses références sont à corriger"
            elif entitlement.provisional_until is not None:
                # Not invoiced yet.
                situation = f"bon de commande signé à nous adresser ({countdown(entitlement.provisional_until, today)})"
            elif order.state == OrderState.PLACED:
                # The operator is checking the signed purchase order: nothing for the office to do.
                continue
            else:
                left = countdown(entitlement.temporary_until, today)
                situation = f"commande à régler ({left or 'échéance dépassée'})"
        else:
            continue
        words = formatting.add_nonbreaking_spaces(f"Lot « {position.name} » : {situation}.")
        if sees_prices and position.is_purchase:
            address = reverse("purchases:detail", args=[position.order_number])
            to_do.append(TodoItem(words, address, "Voir la commande"))
        else:
            to_do.append(TodoItem(words, reverse("pools:pools"), "Voir le lot"))
    return to_do


def _list_nearly_exhausted_pools(running: list[PoolPosition], today: datetime.date) -> list[TodoItem]:
    to_do = []
    for position in running:
        if position.entitlement.available_on(today) and position.free < position.bought * LOW_FREE_SHARE:
            left = (
                f"n'a plus que {formatting.pluralize(position.free, 'licence libre', 'licences libres')}"
                if position.free
                else "est épuisé"
            )
            words = formatting.add_nonbreaking_spaces(f"Le lot « {position.name} » {left}.")
            to_do.append(TodoItem(words, reverse("pools:pools"), "Voir le lot"))
    return to_do


def _list_expiring_tokens(now: datetime.datetime) -> list[TodoItem]:
    """Return items for API tokens that expire soon."""
    return [
        TodoItem(
            formatting.add_nonbreaking_spaces(
                f"Jeton « {token.name} » de l'API : il expire le {formatting.long_date(token_list.get_last_day(token))}"
                f" ({token_list.format_time_left(token, now)}), et le programme qui s'en sert s'arrêtera."
            ),
            reverse("tokens:list"),
            "Le remplacer",
        )
        for token in token_list.list_expiring_tokens(now)
    ]


def _build_territory_map() -> object:
    """Return the map of the schools in the portfolio and those with allocations. Two queries."""
    served = {
        uai: "held" if held else "redeemed" if redeemed else "issued"
        for uai, redeemed, held in (
            Allocation.objects.active()
            .values_list("school_id")
            .annotate(
                redeemed=Count("key__redeemed_at", distinct=True),
                held=Count("key__subscription__seats", filter=Q(key__subscription__seats__holder__isnull=False)),
            )
            .order_by()
        )
    }
    schools = School.objects.filter(
        Q(pk__in=PortfolioSchool.objects.values("school_id"))
        | Q(pk__in=Allocation.objects.active().values("school_id"))
    ).values_list("uai", "latitude", "longitude")
    return build_map([(served.get(uai, "none"), latitude, longitude) for uai, latitude, longitude in schools])
