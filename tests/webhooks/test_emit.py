"""Emitting events: in bulk, in the operation's transaction, and only where somebody listens."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from api import tokens
from api.models import Token
from licensing.pools.events import PoolEvent
from tests.api.client import create_token
from tests.refusals import refuses
from tests.waiting_jobs import list_waiting_jobs
from tests.webhooks.events import emit_events, make_issued_event
from webhooks import endpoints
from webhooks.models import Delivery, WebhookEndpoint, WebhookEvent
from webhooks.operations import NewEvent, emit

NOW = timezone.now()


def add(types=()):
    url = f"https://si.exemple.fr/{WebhookEndpoint.objects.count()}"
    return endpoints.add(url=url, types=types, by_id=None, at=NOW).endpoint


def test_without_listeners_emitting_takes_one_query_and_builds_nothing(nimes, django_assert_num_queries):
    assert emit(events=[], at=NOW) == 0  # the first query in a schema is preceded by the change of search_path
    with django_assert_num_queries(1):
        assert emit(events=(1 / 0 for _ in range(60_000)), at=NOW) == 0
    assert not list_waiting_jobs("webhooks.drain")


def test_emitting_in_the_public_schema_takes_no_query(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert emit(events=[make_issued_event(1)], at=NOW) == 0


@pytest.mark.slow
def test_emitting_takes_a_constant_number_of_statements(nimes, django_assert_num_queries):
    first, second = add(), add()
    # The listeners, the event ids, two COPYs, a job, what is due.
    with django_assert_num_queries(6):
        assert emit_events(make_issued_event(1), make_issued_event(2)) == 2
    with django_assert_num_queries(6):
        assert emit_events(*(make_issued_event(number) for number in range(10_000))) == 10_000
    assert Delivery.objects.filter(endpoint=first).count() == Delivery.objects.filter(endpoint=second).count() == 10_002
    assert len(list_waiting_jobs("webhooks.drain", schema=nimes.schema_name)) == 2
    event = WebhookEvent.objects.get(subject="allocation:9999")
    assert (event.type, event.data) == ("allocation.issued", {"allocation": 9999, "units": 1})


def test_an_endpoint_gets_the_types_it_subscribes_to(nimes):
    some = add([PoolEvent.POOL_LOW])
    assert emit_events(make_issued_event(1)) == 0
    assert not WebhookEvent.objects.exists()
    assert emit_events(make_issued_event(1), NewEvent(PoolEvent.POOL_LOW, "pool:1", {})) == 1
    assert Delivery.objects.get().endpoint == some
    every = add()
    assert emit_events(make_issued_event(1)) == 1
    assert Delivery.objects.latest("pk").endpoint == every


def test_a_disabled_or_deleted_endpoint_gets_nothing(nimes):
    off, deleted = add(), add()
    endpoints.update(endpoint_id=off.pk, is_enabled=False)
    endpoints.remove(endpoint_id=deleted.pk, at=NOW)
    assert emit_events(make_issued_event(1)) == 0


@pytest.mark.parametrize(
    ("scopes", "is_read"), [(["read"], True), (["webhooks"], True), (["portfolio", "allocate", "import"], False)]
)
def test_a_token_with_the_read_scope_counts_as_a_listener(nimes, scopes, is_read):
    create_token(scopes=scopes)
    assert emit_events(make_issued_event(1)) == int(is_read)
    assert not Delivery.objects.exists()


def test_an_expired_or_revoked_token_is_no_listener(nimes):
    revoked, expired = create_token(), create_token()
    tokens.revoke(token_id=revoked.token.pk, by=None, at=timezone.now())
    long_ago = timezone.now() - datetime.timedelta(days=2)
    Token.objects.filter(pk=expired.token.pk).update(
        created_at=long_ago, expires_at=long_ago + datetime.timedelta(days=1)
    )
    assert emit_events(make_issued_event(1)) == 0


def test_another_collectivity_gets_no_event(nimes, gard):
    add()
    with tenant_context(gard):
        assert emit_events(make_issued_event(1)) == 0
        assert not WebhookEvent.objects.exists()
        assert not WebhookEndpoint.objects.exists()


def test_a_rolled_back_transaction_emits_nothing(nimes):
    add()
    with transaction.atomic():
        emit_events(make_issued_event(1))
        transaction.set_rollback(True)
    assert not WebhookEvent.objects.exists()
    assert not list_waiting_jobs("webhooks.drain")


def test_copy_control_characters_are_stored_unchanged(nimes):
    add()
    name = 'Lot « \\N » \t"\n\\'
    emit_events(NewEvent(PoolEvent.POOL_LOW, "pool:1", {"name": name}))
    assert WebhookEvent.objects.get().data == {"name": name}


@pytest.mark.parametrize("kind", ["inconnu", "webhook.test"])
def test_an_endpoint_asks_for_declared_types_alone(nimes, kind):
    with refuses("unknown_event_type"):
        add([PoolEvent.POOL_LOW, kind])
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"is_enabled": False},
        {"disabled_reason": "manual"},
        {"deleted_at": NOW},
        {"previous_until": NOW},
    ],
)
def test_the_database_refuses_an_invalid_endpoint(nimes, wrong):
    endpoint = add()
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**wrong)


@pytest.mark.parametrize("wrong", [{"state": "delivered"}, {"settled_at": NOW}])
def test_the_database_refuses_an_invalid_delivery(nimes, wrong):
    add()
    emit_events(make_issued_event(1))
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.update(**wrong)


def test_the_tables_are_in_each_tenant_schema_and_not_in_public(nimes):
    with schema_context("public"):
        assert "webhooks_webhookevent" not in connection.introspection.table_names()
