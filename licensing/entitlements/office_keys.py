"""What the public schema holds of the current office's licences, read for statements on the office's own tables.

No statement names a table of both (docs/decisions/0156). An office's entitlements are few, and named one by one; what
became of its keys is copied beside its allocations (`licensing.pools.key_states`).
"""

import datetime
from collections.abc import Collection

from django.db.models import Q, QuerySet

from core.connections import connection
from core.schemas import PublicRows
from licensing.entitlements.models import STATUS_COLUMNS, ActivationKey, Entitlement

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

#: What became of the keys `%(keys)s`, redeemed or not: of its seats, those held, those neither held nor reserved, and
#: those of them that nobody ever held.
KEY_STATES = PublicRows(
    "state",
    {"key_id": "bigint", "redeemed_at": "timestamptz", "held": "integer", "free": "integer", "unused": "integer"},
    """
    SELECT key.id, key.redeemed_at, seats.held, seats.free, seats.unused
    FROM public.entitlements_activationkey AS key
    LEFT JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
    CROSS JOIN LATERAL (
        SELECT
            count(seat.holder_id) AS held,
            count(*) FILTER (WHERE seat.holder_id IS NULL AND seat.reserved_at IS NULL) AS free,
            count(*) FILTER (
                WHERE seat.holder_id IS NULL AND seat.reserved_at IS NULL
                    AND NOT EXISTS (SELECT FROM public.entitlements_seatevent AS event WHERE event.seat_id = seat.id)
            ) AS unused
        FROM public.entitlements_seat AS seat
        WHERE seat.subscription_id = subscription.id
    ) AS seats
    WHERE key.id = ANY(%(keys)s)
    """,
)


def list_entitlements() -> QuerySet[Entitlement]:
    """Return the entitlements of the current office."""
    return Entitlement.objects.filter(collectivity__schema_name=connection.schema_name)


def find_entitlements(condition: Q) -> list[int]:
    """Return the primary keys of the current office's entitlements under a condition. One query."""
    return list(list_entitlements().filter(condition).order_by().values_list("pk", flat=True))


def find_redeemed(among: Collection[int], *, after: datetime.datetime) -> list[int]:
    """Return the primary keys of those of these keys that were redeemed after a moment. One query."""
    redeemed = ActivationKey.objects.filter(pk__in_array=among, redeemed_at__gt=after).order_by()
    return list(redeemed.values_list("pk", flat=True))
