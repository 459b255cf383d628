"""The page of a client: contacts, orders, what is owed, licences and their use, invitations, lost e-mails."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import Profile, User
from core.calendar import date_in_paris
from licensing.entitlements.models import ActivationKey, EntitlementStatus, Seat
from licensing.orders.models import Order, OrderKind
from licensing.pools.positions import PoolPosition, list_pool_positions
from schools.models import School
from schools.wording import format_school
from sites.back_office import invitation_search
from sites.back_office.pages.client_keys import list_keys
from sites.back_office.pages.client_people import (
    list_collectivity_contacts,
    list_lost_emails,
    list_lost_key_emails,
    list_lost_office_emails,
    list_person_contacts,
    list_school_contacts,
)
from sites.back_office.pages.client_requests import list_office_requests, list_school_requests
from sites.back_office.pages.client_sales import compute_totals, list_client_orders
from tenants.models import Collectivity


class Figure(NamedTuple):
    """How many licences: « achetées », « activées »."""

    label: str
    licences: int


def show_collectivity(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a collectivity as a client; of its schema what its office knows of members, lots and e-mails."""
    collectivity = get_object_or_404(Collectivity, pk=pk)
    orders = Order.objects.filter(collectivity=collectivity)
    contacts = list_collectivity_contacts(collectivity, orders)
    with tenant_context(collectivity):
        positions = list_pool_positions()
    day = date_in_paris(timezone.now())
    running = [position for position in positions if not position.entitlement.over_on(day)]
    return _render(
        request,
        orders=orders,
        contacts=contacts,
        client=collectivity,
        name=collectivity.name,
        requests=list_office_requests(collectivity),
        lots=positions,
        use=[
            *_describe_origins(running, day),
            Figure("données à une école", sum(lot.bought - lot.free for lot in running)),
            Figure("activées", sum(lot.redeemed_free + lot.held for lot in running)),
            Figure("utilisées par un enseignant", sum(lot.held for lot in running)),
        ],
        lost=[*list_lost_office_emails(collectivity), *list_lost_emails(contacts)],
        visit_url=reverse("admin:tenants_collectivity_visit", args=[collectivity.pk]),
        admin_url=reverse("admin:tenants_collectivity_change", args=[collectivity.pk]),
        orders_url=_list_rows("orders_order", collectivity__id__exact=collectivity.pk),
    )


def _describe_origins(lots: list[PoolPosition], day: datetime.date) -> list[Figure]:
    """Return how many licences were bought, await their purchase order, and were given by the operator."""
    awaiting = [lot for lot in lots if lot.is_purchase and _awaits_purchase_order(lot, day)]
    figures = [
        Figure("achetées", sum(lot.bought for lot in lots if lot.is_purchase and lot not in awaiting)),
        Figure("commandées, sans bon de commande accepté", sum(lot.bought for lot in awaiting)),
        Figure("offertes", sum(lot.bought for lot in lots if not lot.is_purchase)),
    ]
    return [figures[0], *(one for one in figures[1:] if one.licences)]


def _awaits_purchase_order(lot: PoolPosition, day: datetime.date) -> bool:
    status = lot.entitlement.status_on(day)
    return lot.under_review or status in (EntitlementStatus.PROVISIONAL, EntitlementStatus.LAPSED)


def show_school(request: HttpRequest, uai: str) -> HttpResponse:
    """Show a school as a client, with the keys it bought or was given."""
    school = get_object_or_404(School, pk=uai)
    orders = Order.objects.filter(school=school)
    contacts = list_school_contacts(school, orders)
    return _render(
        request,
        orders=orders,
        contacts=contacts,
        client=school,
        name=format_school(school),
        **_describe_keys(Q(school=school.pk)),
        invitations=invitation_search.list_school_invitations(school, timezone.now()),
        requests=list_school_requests(school),
        lost=[*list_lost_key_emails(school), *list_lost_emails(contacts)],
        admin_url=reverse("admin:schools_school_change", args=[school.pk]),
        orders_url=_list_rows("orders_order", school__uai__exact=school.pk),
        keys_url=_list_rows("entitlements_activationkey", school__uai__exact=school.pk),
    )


def show_person(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a person as a client: what they ordered in the shop, for whatever school."""
    person = get_object_or_404(User.objects.exclude(profile=Profile.PROGRAM), pk=pk)
    orders = Order.objects.filter(placed_by=person, kind=OrderKind.SHOP)
    contacts = list_person_contacts(person, orders)
    return _render(
        request,
        orders=orders,
        contacts=contacts,
        client=person,
        name=str(person),
        **_describe_keys(Q(redeemed_by=person)),
        lost=list_lost_emails(contacts),
        admin_url=reverse("admin:accounts_user_change", args=[person.pk]),
        orders_url=_list_rows("orders_order", placed_by__id__exact=person.pk),
        keys_url=_list_rows("entitlements_activationkey", redeemed_by__id__exact=person.pk),
    )


def _render(request: HttpRequest, *, orders: QuerySet[Order], **context: Any) -> HttpResponse:
    day = date_in_paris(timezone.now())
    shown = list_client_orders(orders, day)
    context |= {
        "orders": shown,
        "totals": compute_totals(orders),
        "today": day,
    }
    return render(request, "back_office/client.html", context)


def _describe_keys(condition: Q) -> dict[str, Any]:
    """Return the latest keys of a condition, and the use of those that run. Four queries, and one for many schemas."""
    keys = ActivationKey.objects.filter(condition)
    running = keys.filter(
        revoked_at=None,
        entitlement__cancelled_at=None,
        entitlement__last_day__gte=date_in_paris(timezone.now()),
    )
    units = running.aggregate(all=Sum("units"), redeemed=Sum("units", filter=Q(redeemed_at__isnull=False)))
    return {
        "keys": list_keys(keys),
        "use": [
            Figure("reçues ou achetées", units["all"] or 0),
            Figure("activées", units["redeemed"] or 0),
            Figure("utilisées par un enseignant", Seat.objects.held().filter(subscription__key__in=running).count()),
        ],
    }


def _list_rows(model: str, **filters: object) -> str:
    """Return the path of the admin's list of a model, with these filters."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(filters)}"
