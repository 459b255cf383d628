"""What became of keys beside their allocations: in tests no worker copies it, the act that queues the job does."""

import contextlib
from collections.abc import Collection

from django.db import transaction
from django_tenants.utils import schema_context

from core.connections import connection
from licensing.entitlements import notifications
from licensing.entitlements.models import ActivationKey
from licensing.pools.key_states import copy_all_key_states
from licensing.pools.tasks import copy_key_states
from tenants.models import Collectivity


def copy_at_once(monkeypatch) -> None:
    """Copy, as its job would, after each act that queues one: at its commit, where the test commits."""
    noted, reserved = notifications.notify_collectivity, notifications.notify_of_reserved_seats

    def note(key, event, at, **known):
        noted(key, event, at, **known)
        copy_soon([key.pk])

    def note_reserved(subscription_ids):
        reserved(subscription_ids)
        copy_soon(list(ActivationKey.objects.filter(subscription__in=subscription_ids).values_list("pk", flat=True)))

    monkeypatch.setattr(notifications, "notify_collectivity", note)
    monkeypatch.setattr(notifications, "notify_of_reserved_seats", note_reserved)


def copy_everywhere() -> None:
    """Copy in every collectivity, for tests that write rows of keys and seats themselves."""
    for schema in list(Collectivity.objects.values_list("schema_name", flat=True)):
        with schema_context(schema):
            copy_all_key_states()


def copy_soon(key_ids: Collection[int]) -> None:
    """Copy what became of these keys: now in a test of one transaction, else at the commit."""
    if any(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        _copy(key_ids)
    else:
        # Not before: an operation locks an allocation before its key.
        transaction.on_commit(lambda: _copy(key_ids))


def _copy(key_ids: Collection[int]) -> None:
    # Not counted by tests that count statements: they are a worker's.
    is_counted, connection.force_debug_cursor = connection.force_debug_cursor, False
    try:
        keys = ActivationKey.objects.filter(pk__in=key_ids, entitlement__collectivity__isnull=False)
        for key_id, schema in list(keys.values_list("pk", "entitlement__collectivity__schema_name")):
            # Without a change of the schema where there is none: it takes a statement afterwards.
            with contextlib.nullcontext() if connection.schema_name == schema else schema_context(schema):
                copy_key_states(key_ids=[key_id])
    finally:
        connection.force_debug_cursor = is_counted
