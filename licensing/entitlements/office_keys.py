"""What the public schema holds of the current office's licences, read for statements on the office's own tables.

No statement names a table of both (docs/decisions/0156). An office's entitlements are few, and named one by one; its
redeemed keys are named in an array.
"""

import datetime
from collections.abc import Collection
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from core.connections import connection
from core.schemas import PublicRows
from licensing.entitlements.models import STATUS_COLUMNS, ActivationKey, Entitlement, Seat
from licensing.entitlements.seat_holders import list_unused_seats

_OF_OFFICE = """
JOIN public.tenants_collectivity AS collectivity
    ON collectivity.id = entitlement.collectivity_id AND collectivity.schema_name = %(schema)s
"""
_ENTITLEMENT_COLUMNS = {"id": "bigint", "number": "bigint", "kind": "text", **STATUS_COLUMNS}
#: The entitlements of the office's lots.
ENTITLEMENTS = PublicRows(
    "entitlement",
    _ENTITLEMENT_COLUMNS,
    f"""
    SELECT {", ".join(f"entitlement.{column}" for column in _ENTITLEMENT_COLUMNS)}
    FROM public.entitlements_entitlement AS entitlement
    {_OF_OFFICE}
    """,  # noqa: S608 - constants of this module
)
#: The office's redeemed keys, with the seats of each: all, held by a teacher, and free (neither held nor reserved).
REDEEMED_KEYS = PublicRows(
    "redeemed",
    {"key_id": "bigint", "redeemed_at": "timestamptz", "size": "integer", "held": "integer", "free": "integer"},
    f"""
    SELECT key.id, key.redeemed_at, subscription.size, seats.held, seats.free
    FROM public.entitlements_entitlement AS entitlement
    {_OF_OFFICE}
    JOIN public.entitlements_activationkey AS key ON key.entitlement_id = entitlement.id
    JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE seat.holder_id IS NOT NULL) AS held,
            count(*) FILTER (WHERE seat.holder_id IS NULL AND seat.reserved_at IS NULL) AS free
        FROM public.entitlements_seat AS seat
        WHERE seat.subscription_id = subscription.id
    ) AS seats
    WHERE key.redeemed_at IS NOT NULL
    """,  # noqa: S608 - constants of this module
)


def list_entitlements() -> QuerySet[Entitlement]:
    """Return the entitlements of the current office."""
    return Entitlement.objects.filter(collectivity__schema_name=connection.schema_name)


def find_entitlements(condition: Q) -> list[int]:
    """Return the primary keys of the current office's entitlements under a condition. One query."""
    return list(list_entitlements().filter(condition).order_by().values_list("pk", flat=True))


def list_redeemed_keys() -> QuerySet[ActivationKey]:
    """Return the redeemed keys of the current office."""
    return ActivationKey.objects.filter(
        entitlement__collectivity__schema_name=connection.schema_name, redeemed_at__isnull=False
    ).order_by()


def find_redeemed(among: Collection[int] | None = None, *, after: datetime.datetime | None = None) -> list[int]:
    """Return the primary keys of those of these keys that are redeemed, None for the current office's. One query.

    `after`: of those redeemed after a moment alone.
    """
    redeemed = list_redeemed_keys()
    if among is not None:
        redeemed = ActivationKey.objects.filter(pk__in_array=among, redeemed_at__isnull=False).order_by()
    if after is not None:
        redeemed = redeemed.filter(redeemed_at__gt=after)
    return list(redeemed.values_list("pk", flat=True))


def find_with_unused_seats() -> list[int]:
    """Return the primary keys of the current office's keys with a seat that nobody uses nor ever used. One query."""
    unused = list_unused_seats().filter(subscription__key__in=list_redeemed_keys())
    return list(unused.order_by().values_list("subscription__key", flat=True).distinct())


def count_held_seats(key_ids: Collection[int] | None = None) -> dict[int, int]:
    """Return how many seats teachers hold of each key, for those with any: of these keys, or of the office's.

    One query.
    """
    seats: QuerySet[Any] = Seat.objects.held().order_by()
    if key_ids is None:
        seats = seats.filter(subscription__key__in=list_redeemed_keys())
    else:
        seats = seats.filter(subscription__key__in_array=key_ids)
    return dict(seats.values_list("subscription__key").annotate(Count("pk")))


def find_full() -> list[int]:
    """Return the primary keys of the current office's keys whose seats are all held by teachers. One query."""
    held = Count("subscription__seats", filter=Q(subscription__seats__holder__isnull=False))
    return list(list_redeemed_keys().annotate(held=held).filter(held=F("units")).values_list("pk", flat=True))


def get_redemptions(key_ids: Collection[int]) -> dict[int, datetime.datetime]:
    """Return when each of these keys was redeemed, for those that were. One query."""
    redeemed = ActivationKey.objects.filter(pk__in_array=key_ids, redeemed_at__isnull=False).order_by()
    return {key: at for key, at in redeemed.values_list("pk", "redeemed_at") if at is not None}
