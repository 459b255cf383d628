"""What the office's home answers: where the licences are, and what asks for a hand."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, Q
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from collectivities import tokens
from collectivities.access import office
from collectivities.models import REMIT_BY_LIST, AuditEntry, Role, SchoolInRemit
from imports.enums import ImportState
from imports.models import Import
from imports.operations.awaited import arrived
from licensing.catalogue.operations import day_in_france
from licensing.orders import desk
from licensing.orders.models import Order, OrderState
from licensing.pools.filters import DORMANT, DORMANT_DAYS, LOST
from licensing.pools.models import BY_LIST, Allocation
from licensing.pools.queries import Position, allocations, not_redeemed_since, positions, with_lost_email
from licensing.subscriptions.wording import countdown
from pages.territory import drawing
from schools.models import School
from web import typography

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest

#: A lot of which less than this share is free is soon exhausted.
NEARLY = 0.1
LAST_EVENTS = 10
#: Whoever may open the pages of purchases.
_SEE_PRICES = frozenset({Role.BUYER, Role.MANAGER})


class ToDo(NamedTuple):
    """One thing that asks for a hand, and the page where it is done."""

    words: str
    url: str
    action: str


@office()
def office_home(request: OfficeRequest) -> HttpResponse:
    """Show what asks for a hand first, then where each licence is, the territory, and the last events."""
    now = timezone.now()
    today = day_in_france(now)
    lots = positions()
    running = [position for position in lots if not position.source.over_on(today)]
    context = {
        "to_do": [
            *_orders_to_settle(running, today, sees_prices=not _SEE_PRICES.isdisjoint(request.member.roles)),
            *_allocations_to_see(now),
            *_imports_to_check(),
            *_schools_arrived(),
            *_lots_nearly_empty(running, today),
            *(_tokens_to_replace(now) if Role.MANAGER in request.member.roles else ()),
        ],
        "buys": Role.BUYER in request.member.roles,
        "lots": running,
        "ended": len(lots) - len(running),
        "territory": _territory(),
        "entries": _last_events(),
    }
    return render(request, "pages/office_home.html", context)


def _last_events() -> QuerySet[AuditEntry]:
    """Return what happened last; a list of schools is one event here, and each school's on its own page."""
    entries = AuditEntry.objects.exclude(action__in=[*BY_LIST, *REMIT_BY_LIST])
    return entries.order_by("-at", "-pk")[:LAST_EVENTS]


def _allocations_to_see(now: datetime.datetime) -> list[ToDo]:
    told = allocations(day_in_france(now))
    address = reverse("pools:allocations")
    to_do = []
    if lost := with_lost_email(told).count():
        words = typography.plural(lost, "e-mail n'est pas arrivé", "e-mails ne sont pas arrivés")
        to_do.append(ToDo(f"{words} à son école." if lost == 1 else f"{words} à leur école.", f"{address}?state={LOST}",
                          "Corriger l'adresse et renvoyer"))  # fmt: skip
    if dormant := not_redeemed_since(now - datetime.timedelta(days=DORMANT_DAYS), told).count():
        words = typography.plural(dormant, "clé n'est pas activée", "clés ne sont pas activées")
        to_do.append(ToDo(f"{words} depuis {DORMANT_DAYS} jours.", f"{address}?state={DORMANT}", "Relancer"))
    return to_do


def _imports_to_check() -> list[ToDo]:
    waiting = Import.objects.filter(state=ImportState.CHECKED).count()
    if not waiting:
        return []
    words = typography.plural(waiting, "tableau attend", "tableaux attendent")
    return [ToDo(f"{words} votre vérification.", reverse("imports:list"), "Vérifier et appliquer")]


def _schools_arrived() -> list[ToDo]:
    """Schools that spreadsheets wait for, and that the directory now knows."""
    schools = sum(arrival.schools for arrival in arrived())
    if not schools:
        return []
    words = typography.plural(schools, "école attendue est", "écoles attendues sont")
    return [ToDo(f"{words} maintenant dans l'annuaire.", reverse("imports:list"), "Reprendre pour vérification")]


def _orders_to_settle(running: list[Position], today: datetime.date, *, sees_prices: bool) -> list[ToDo]:
    """Orders that are not paid yet, with their countdown, and those whose licences stand still."""
    to_do = []
    unpaid = [position.order_id for position in running if position.source.temporary_until is not None]
    orders = Order.objects.filter(pk__in=unpaid).annotate(turned_down=desk.with_invoice_turned_down()) if unpaid else []
    ordered = {order.pk: order for order in orders}
    for position in sorted(running, key=lambda one: one.source.temporary_until or one.last_day):
        source = position.source
        if source.suspended_on(today):
            settled = "suspendu, rien ne peut en être attribué tant que sa commande n'est pas régularisée"
        elif source.temporary_until is not None:
            order = ordered[position.order_id]
            if vars(order)["turned_down"]:
                # Nobody is asked to pay an invoice that another will replace.
                settled = "facture non acceptée, ses références sont à corriger"
            elif source.provisional_until is not None:
                # Nor what no invoice asks for yet.
                settled = f"bon de commande signé à nous adresser ({countdown(source.provisional_until, today)})"
            elif order.state == OrderState.PLACED:
                # Its signed purchase order is being looked at: it waits for us.
                continue
            else:
                left = countdown(source.temporary_until, today)
                settled = f"commande à régler ({left or 'échéance dépassée'})"
        else:
            continue
        words = typography.spaced(f"Lot « {position.name} » : {settled}.")
        if sees_prices and position.is_purchase:
            address = reverse("purchases:detail", args=[position.order_id])
            to_do.append(ToDo(words, address, "Voir la commande"))
        else:
            to_do.append(ToDo(words, reverse("pools:lots"), "Voir le lot"))
    return to_do


def _lots_nearly_empty(running: list[Position], today: datetime.date) -> list[ToDo]:
    to_do = []
    for position in running:
        if position.source.usable_on(today) and position.free < position.bought * NEARLY:
            left = (
                f"n'a plus que {typography.plural(position.free, 'licence libre', 'licences libres')}"
                if position.free
                else "est épuisé"
            )
            words = typography.spaced(f"Le lot « {position.name} » {left}.")
            to_do.append(ToDo(words, reverse("pools:lots"), "Voir le lot"))
    return to_do


def _tokens_to_replace(now: datetime.datetime) -> list[ToDo]:
    """Tokens of the API that end soon: the programs that use them would stop."""
    return [
        ToDo(
            typography.spaced(
                f"Jeton « {token.name} » de l'API : il expire le {typography.day(tokens.last_day(token))} "
                f"({tokens.left(token, now)}), et le programme qui s'en sert s'arrêtera."
            ),
            reverse("tokens:list"),
            "Le remplacer",
        )
        for token in tokens.near_their_end(now)
    ]


def _territory() -> object:
    """Return the drawing of the schools of the remit and of those that received something; two queries."""
    served = {
        uai: "held" if held else "redeemed" if redeemed else "issued"
        for uai, redeemed, held in Allocation.objects.active()
        .values_list("school_id")
        .annotate(
            redeemed=Count("key__redeemed_at", distinct=True),
            held=Count("key__subscription__seats", filter=Q(key__subscription__seats__holder__isnull=False)),
        )
        .order_by()
    }
    schools = School.objects.filter(
        Q(pk__in=SchoolInRemit.objects.values("school_id")) | Q(pk__in=Allocation.objects.active().values("school_id"))
    ).values_list("uai", "latitude", "longitude")
    return drawing([(served.get(uai, "none"), latitude, longitude) for uai, latitude, longitude in schools])
