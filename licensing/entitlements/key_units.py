"""Bulk changes of the units of keys, and of the seats of their subscriptions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import connection, transaction

from licensing.entitlements.models import ActivationKey, Subscription


@transaction.atomic
def grow_many(additions: Mapping[int, int], *, readdressed: Collection[int] = ()) -> None:
    """Add units to keys that the caller has locked, and seats to the subscriptions of redeemed ones.

    `additions`: units to add, at least one, by primary key of the key. `readdressed`: those whose e-mail goes to
    another address from now on, so that links of before prove nothing.
    """
    if not additions:
        return
    if min(additions.values()) < 1:
        raise ValueError("A key grows by at least one unit.")
    changed = frozenset(readdressed)
    arrays = [list(additions.keys()), list(additions.values())]
    # Lock order: key → subscription → seat.
    list(Subscription.objects.locked().filter(key_id__in_array=arrays[0]).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE public.{ActivationKey._meta.db_table} AS key SET units = key.units + grown.units,"  # noqa: S608, SLF001
            " recipient_changes = key.recipient_changes + grown.changes"
            " FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS grown (key_id, units, changes)"
            " WHERE key.id = grown.key_id",
            [*arrays, [int(key_id in changed) for key_id in additions]],
        )
        cursor.execute(
            "WITH grown AS ("
            "  UPDATE public.entitlements_subscription AS subscription SET size = subscription.size + added.units"
            "  FROM unnest(%s::bigint[], %s::int[]) AS added (key_id, units)"
            "  WHERE subscription.key_id = added.key_id RETURNING subscription.id, subscription.size, added.units"
            ") INSERT INTO public.entitlements_seat (subscription_id, number, mode)"
            " SELECT grown.id, number, '' FROM grown, generate_series(grown.size - grown.units + 1, grown.size) number",
            arrays,
        )


@transaction.atomic
def shrink_many(units: Mapping[int, int]) -> None:
    """Lower the units of unredeemed keys that the caller has locked.

    `units`: the new number, by primary key of the key. Raises `ValueError`, having changed nothing, where a key was
    redeemed or would not shrink.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE public.{ActivationKey._meta.db_table} AS key SET units = reduced.units"  # noqa: S608, SLF001
            " FROM unnest(%s::bigint[], %s::int[]) AS reduced (key_id, units)"
            " WHERE key.id = reduced.key_id AND key.redeemed_at IS NULL AND key.units > reduced.units",
            [list(units.keys()), list(units.values())],
        )
        if cursor.rowcount != len(units):
            raise ValueError("Only keys that nobody redeemed shrink, and only to less than they were worth.")
