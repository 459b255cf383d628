"""Early start: the operator lets a buyer use next year's licences before their first day."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import Q
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities import audit_log
from core.calendar import date_in_paris
from licensing.entitlements.office_keys import find_entitlements
from licensing.orders import rights
from licensing.orders.exceptions import NotInThisState
from licensing.orders.models import Order, OrderKind, OrderState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from licensing.pools.models import Pool
from tenants.models import Collectivity


@transaction.atomic
def start_early(*, order_id: int, by: User, at: datetime.datetime) -> Order:
    """Make an order's licences usable in class from today on; return it, with its buyer notified.

    A first day only ever moves to an earlier one, so that nothing that was used becomes unused. Provisional rights that
    were counted from the first day are counted from today. Raises `NotInThisState` where there is no day to come.
    """
    order = lock_order(order_id)
    today = date_in_paris(at)
    if order.state == OrderState.CANCELLED or not rights.has_start_to_come(order, today):
        raise NotInThisState(f"{order} n'a pas de licences dont le premier jour soit à venir.")
    rights.start_on(order, today)
    order_events.record(order, "started", "licences utilisables en classe dès aujourd'hui.", by=by, at=at)
    if order.kind != OrderKind.GRANT:
        notifications.notify_buyer(order, notifications.STARTED, at=at)
    if order.collectivity is not None:
        _record_start_in_audit_log(order, order.collectivity, by=by, at=at)
    return order


def _record_start_in_audit_log(order: Order, collectivity: Collectivity, *, by: User, at: datetime.datetime) -> None:
    with tenant_context(collectivity):
        entitlements = find_entitlements(Q(order_line__order=order))
        for pool in Pool.objects.filter(entitlement__in=entitlements).order_by("pk"):
            audit_log.record(
                action="pools.started",
                by=by,
                at=at,
                object_type="pool",
                object_id=pool.pk,
                summary=f"Lot « {pool.name} » : licences utilisables en classe dès aujourd'hui.",
            )
