"""Grants of licences by the operator, and suspension of what an order opened.

A grant is an order with a line, like any other, and has a reason.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import Max
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities import audit_log
from collectivities.letter_days import schedule_weekly_letter
from core import formatting
from core.calendar import date_in_paris
from licensing.catalogue.exceptions import BadQuantity
from licensing.catalogue.models import SchoolYear
from licensing.catalogue.operations import get_licence_product, get_school_year
from licensing.catalogue.pricing import MAX_UNITS
from licensing.entitlements.models import Entitlement, SuspensionCause
from licensing.orders import rights
from licensing.orders.exceptions import ChangedMeanwhile, NameTooLong, NoReason, NotInThisState, UnknownCollectivity
from licensing.orders.models import Order, OrderKind, OrderLine, OrderState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from licensing.pools.models import Pool
from tenants.models import Collectivity

_NAME_LENGTH = Pool._meta.get_field("name").max_length or 0  # noqa: SLF001 - Django's documented access to fields


#: States of an order that a payment is awaited for.
OWED_STATES = (OrderState.PLACED, OrderState.LAPSED, OrderState.CONFIRMED)


def get_collectivity(slug: str) -> Collectivity:
    """Return the collectivity with this slug. Raises `UnknownCollectivity`, which lists those that exist."""
    found: Collectivity | None = Collectivity.objects.filter(slug=slug.strip().lower()).first()
    if found is None:
        known = ", ".join(Collectivity.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "aucune"
        raise UnknownCollectivity(f"Aucune collectivité n'a son bureau à « {slug} ». Collectivités ouvertes : {known}.")
    return found


def get_last_grant() -> str:
    """Return the id of the last grant to any collectivity."""
    return str(Order.objects.filter(kind=OrderKind.GRANT).aggregate(last=Max("pk"))["last"] or 0)


@transaction.atomic
def grant(
    *,
    collectivity: Collectivity,
    licences: int,
    reason: str,
    name: str = "",
    by: User | None,
    at: datetime.datetime,
    school_year: SchoolYear | None = None,
    last_grant: str | None = None,
) -> Pool:
    """Grant licences to a collectivity: create order, line, entitlement and, in its schema, the pool; return the pool.

    `school_year` defaults to the one that `at` falls in. `last_grant`: what `get_last_grant` returned when the form was
    shown, so that a double click grants once. Raises `BadQuantity`, `NoReason`, `NameTooLong` or `ChangedMeanwhile`.
    """
    if last_grant is not None:
        Collectivity.objects.select_for_update(no_key=True).get(pk=collectivity.pk)
        if get_last_grant() != last_grant:
            raise ChangedMeanwhile(
                "Un lot a été ouvert depuis que cette page est affichée, peut-être par un premier clic : voyez la "
                "liste des commandes. Si celui-ci est à ouvrir aussi, validez de nouveau."
            )
    reason, name = reason.strip(), name.strip()
    if not 0 < licences <= MAX_UNITS:
        raise BadQuantity(
            f"Un lot compte de 1 à {formatting.number(MAX_UNITS)} licences ; "
            f"vous en avez demandé {formatting.number(licences)}."
        )
    if not reason:
        raise NoReason("Indiquez le motif de cette dotation : il reste inscrit sur la ligne de commande.")
    if len(name) > _NAME_LENGTH:
        raise NameTooLong(f"Le nom d'un lot compte {_NAME_LENGTH} caractères au plus ; celui-ci en a {len(name)}.")
    year = school_year or get_school_year(date_in_paris(at))
    order = Order.objects.create(
        kind=OrderKind.GRANT,
        state=OrderState.GRANTED,
        collectivity=collectivity,
        reason=reason,
        created_at=at,
        placed_at=at,
        placed_by=by,
    )
    line = OrderLine.objects.create(order=order, product=get_licence_product(), school_year=year, quantity=licences)
    entitlement = rights.create_entitlement(order, line, until=None, at=at)
    with tenant_context(collectivity):
        pool = Pool.objects.create(
            entitlement=entitlement,
            name=name or f"Dotation {year} (commande n° {order.pk})",
            capacity=licences,
            opened_at=at,
        )
        audit_log.record(
            action="pools.opened",
            by=by,
            at=at,
            object_type="pool",
            object_id=pool.pk,
            summary=f"Lot « {pool.name} » ouvert : {formatting.pluralize(licences, 'licence')}, "
            f"jusqu'au {formatting.long_date(year.ends_on)} inclus. Motif : {reason}",
        )
        schedule_weekly_letter(at)
    return pool


def suspend(*, order_id: int, by: User | None, at: datetime.datetime, cause: SuspensionCause | None = None) -> int:
    """Suspend an order's entitlements: no allocation, no redemption, no use of its licences; return how many changed.

    Updates one row per line, however many keys. Notifies the buyer. Only a suspension for want of payment is lifted by
    the payment; it is the cause of an order that is owed unless another is given. Idempotent. Raises `NotInThisState`
    for a cancelled order, or where no payment is awaited.
    """
    return _set_suspended(order_id, by=by, at=at, suspended_at=at, cause=cause)


def restore(*, order_id: int, by: User | None, at: datetime.datetime) -> int:
    """Undo `suspend`; return how many entitlements changed. Raises `NotInThisState` for a cancelled order."""
    return _set_suspended(order_id, by=by, at=at, suspended_at=None)


@transaction.atomic
def _set_suspended(
    order_id: int,
    *,
    by: User | None,
    at: datetime.datetime,
    suspended_at: datetime.datetime | None,
    cause: SuspensionCause | None = None,
) -> int:
    order = lock_order(order_id)
    if order.state == OrderState.CANCELLED:
        raise NotInThisState(f"{order} est annulée : ses droits ne se suspendent ni ne se rétablissent plus.")
    is_owed = order.state in OWED_STATES
    if cause == SuspensionCause.UNPAID and not is_owed:
        raise NotInThisState(f"{order} n'attend aucun règlement : choisissez un autre motif.")
    cause = cause or (SuspensionCause.UNPAID if is_owed else SuspensionCause.OPERATOR)
    changing = Entitlement.objects.filter(order_line__order=order, suspended_at__isnull=suspended_at is not None)
    numbers = list(changing.order_by("pk").values_list("pk", flat=True))
    if not numbers:
        return 0
    Entitlement.objects.filter(pk__in=numbers).update(
        suspended_at=suspended_at, suspension_cause=cause if suspended_at else ""
    )
    if suspended_at is None:
        rights.release_emails(order)
    if suspended_at:
        summary = f"suspendue ({cause.label.lower()}) : ses clés ne s'activent plus, ses licences sont en pause."
        order_events.record(order, "suspended", summary, by=by, at=at)
    else:
        order_events.record(order, "restored", "rétablie : tout reprend où il en était.", by=by, at=at)
    if order.kind != OrderKind.GRANT:
        notifications.notify_buyer(order, notifications.SUSPENDED if suspended_at else notifications.RESTORED, at=at)
    if order.collectivity is not None:
        _record_in_audit_log(order.collectivity, numbers, suspended=suspended_at is not None, by=by, at=at)
    return len(numbers)


def _record_in_audit_log(
    collectivity: Collectivity, entitlements: list[int], *, suspended: bool, by: User | None, at: datetime.datetime
) -> None:
    with tenant_context(collectivity):
        for pool in Pool.objects.filter(entitlement_id__in=entitlements).order_by("pk"):
            audit_log.record(
                action="pools.suspended" if suspended else "pools.resumed",
                by=by,
                at=at,
                object_type="pool",
                object_id=pool.pk,
                summary=f"Lot « {pool.name} » suspendu : ses clés ne s'activent plus et ses licences sont en pause."
                if suspended
                else f"Lot « {pool.name} » rétabli : tout reprend où il en était.",
            )
