"""Events emitted by operations: counts and states; one query where nobody listens."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from licensing.entitlements import operations as subscriptions
from licensing.entitlements.models import Seat
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.pools import reductions, restorations
from licensing.pools.checks import Demand
from licensing.pools.exceptions import PoolExhausted
from licensing.pools.reductions import Reduction
from licensing.pools.tasks import note_key_event
from mailing import operations as mailing
from mailing.dispatch import drain as send_mail
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.orders import actions
from tests.pools.actions import allocate_units
from tests.waiting_jobs import list_waiting_jobs
from tests.webhooks.events import emitted_events
from webhooks import endpoints
from webhooks import operations as emitting
from webhooks.models import Delivery, WebhookEvent
from webhooks.operations import get_listeners


@pytest.fixture
def listening(nimes):
    return endpoints.add(url="https://si.exemple.fr/", types=[], by_id=None, at=TERM).endpoint


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=20, reason="Essai", by=None, at=TERM)


def run_portal_jobs():
    """Run the jobs that the portal queued for the collectivity, in order."""
    for job in list_waiting_jobs("pools.note_key_event"):
        arguments = dict(job["args"])
        arguments.pop("schema")
        note_key_event(**arguments)
    ProcrastinateJob.objects.filter(task_name="pools.note_key_event").delete()


@pytest.mark.slow
def test_allocating_growing_reducing_revoking_and_undoing_emit_events(listening, pool):
    school = SchoolFactory()
    allocation = allocate_units(pool, school, units=3)
    same = {"allocation": allocation.pk, "pool": pool.pk, "uai": school.uai}
    subject = f"allocation:{allocation.pk}"
    assert emitted_events() == [("allocation.issued", subject, same | {"units": 3, "added": 3, "import": None})]
    allocate_units(pool, school, units=2)
    assert emitted_events() == [("allocation.issued", subject, same | {"units": 5, "added": 2, "import": None})]
    reductions.reduce(pool_id=pool.pk, uai=school.uai, units=1, by=None, at=TERM)
    assert emitted_events() == [("allocation.issued", subject, same | {"units": 1, "added": -4, "import": None})]
    reductions.revoke(allocation_id=allocation.pk, by=None, at=TERM)
    assert emitted_events() == [("allocation.revoked", subject, same | {"units": 1})]
    reductions.revoke(allocation_id=allocation.pk, by=None, at=TERM)
    assert emitted_events() == []
    for _ in range(2):
        restorations.restore(allocation_id=allocation.pk, by=None, at=TERM)
    assert emitted_events() == [("allocation.restored", subject, same | {"units": 1})]


def test_a_refused_operation_emits_nothing(listening, pool):
    with pytest.raises(PoolExhausted):
        allocate_units(pool, SchoolFactory(), units=21)
    assert emitted_events() == []


@pytest.mark.slow
def test_pool_low_is_emitted_once_at_a_tenth(listening, pool):
    first = SchoolFactory()
    allocate_units(pool, first, units=16)
    allocate_units(pool, first, units=1)
    assert "pool.low" not in [kind for kind, *_ in emitted_events()]
    allocate_units(pool, SchoolFactory(), units=1)
    assert emitted_events()[-1] == (
        "pool.low", f"pool:{pool.pk}", {"pool": pool.pk, "name": pool.name, "capacity": 20, "free": 2}
    )  # fmt: skip
    allocate_units(pool, SchoolFactory(), units=1)
    assert "pool.low" not in [kind for kind, *_ in emitted_events()]
    reductions.reduce(pool_id=pool.pk, uai=first.uai, units=1, by=None, at=TERM)
    allocate_units(pool, first, units=17)
    assert emitted_events()[-1][0] == "pool.low"


@pytest.mark.slow
def test_redeeming_assigning_and_releasing_emit_events(listening, pool):
    school = SchoolFactory()
    allocation = allocate_units(pool, school, units=2)
    emitted_events()
    with schema_context("public"):
        principal = PrincipalFactory()
        AffiliationFactory(user=principal, school=school)
        code = unseal_key(allocation.key)
    teachers = iter(TeacherFactory.create_batch(3))

    def on_the_portal(act):
        with schema_context("public"):
            done = act()
        run_portal_jobs()
        return done

    on_the_portal(lambda: subscriptions.redeem(code=code, by=principal, at=TERM))
    first = on_the_portal(lambda: subscriptions.claim(code=code, by=next(teachers), at=TERM))
    on_the_portal(lambda: subscriptions.claim(code=code, by=next(teachers), at=TERM))
    on_the_portal(lambda: subscriptions.release(seat_id=first.pk, by=principal, at=TERM))
    later = TERM + datetime.timedelta(seconds=1)
    on_the_portal(lambda: subscriptions.claim(code=code, by=next(teachers), at=later))
    assert [(kind, data.get("held"), data["units"]) for kind, _, data in emitted_events()] == [
        ("allocation.redeemed", 0, 2),
        ("seat.held", 1, 2),
        ("seat.held", 2, 2),
        ("allocation.exhausted", 2, 2),
        ("seat.released", 1, 2),
        ("seat.held", 2, 2),
        ("allocation.exhausted", 2, 2),
    ]


@pytest.mark.slow
def test_concurrent_last_assignments_emit_one_exhausted_event(listening, pool):
    """Neither saw the other's seat: each job reports one of two held."""
    school = SchoolFactory()
    allocation = allocate_units(pool, school, units=2)
    with schema_context("public"):
        principal = PrincipalFactory()
        AffiliationFactory(user=principal, school=school)
        subscription = subscriptions.redeem(code=unseal_key(allocation.key), by=principal, at=TERM)
        for seat in subscription.seats.all():
            Seat.objects.filter(pk=seat.pk).update(holder=TeacherFactory(), held_since=TERM, mode="manual")
    emitted_events()
    for microseconds in range(2):
        at = TERM + datetime.timedelta(microseconds=microseconds)
        note_key_event(key_id=allocation.key_id, event="held", at=at.isoformat(), held=1, size=2)
    assert [kind for kind, *_ in emitted_events()] == ["seat.held", "allocation.exhausted", "seat.held"]


def test_jobs_of_one_key_run_in_order(pool):
    school = SchoolFactory()
    allocation = allocate_units(pool, school, units=2)
    with schema_context("public"):
        principal = PrincipalFactory()
        AffiliationFactory(user=principal, school=school)
        subscriptions.redeem(code=unseal_key(allocation.key), by=principal, at=TERM)
    assert ProcrastinateJob.objects.get(task_name="pools.note_key_event").lock == f"pools.key:{allocation.key_id}"


def test_old_events_are_retried_for_three_days_from_emission(listening, pool):
    allocation = allocate_units(pool, SchoolFactory(), units=2)
    before = timezone.now()
    long_ago = before - datetime.timedelta(days=5)
    note_key_event(key_id=allocation.key_id, event="redeemed", at=long_ago.isoformat(), held=0, size=2)
    delivery = Delivery.objects.latest("pk")
    assert delivery.event.at == long_ago
    assert delivery.next_at >= before
    assert delivery.gives_up_at > before


@pytest.mark.slow
def test_a_failed_email_emits_an_event_without_its_address(listening, pool, sink):
    school = SchoolFactory()
    allocation = allocate_units(pool, school, at=timezone.now() - datetime.timedelta(seconds=1))
    sink.behaviour.recipients[school.email] = f"550 5.1.1 <{school.email}>: User unknown"
    emitted_events()
    send_mail()
    [(kind, subject, data)] = emitted_events()
    assert (kind, subject) == ("message.bounced", f"allocation:{allocation.pk}")
    assert (data["kind"], data["topic"], data["topic_id"]) == ("key", "allocation", allocation.pk)
    assert data["reason"] == "Cette adresse n'existe pas : corrigez-la et renvoyez le message."
    assert school.email not in str(data)


def test_emails_of_the_portal_emit_nothing(listening, sink):
    with schema_context("public"):
        mailing.enqueue(kind="inconnu", recipient="a@exemple.example", at=TERM)
        send_mail()
    assert emitted_events() == []


@pytest.mark.slow
def test_a_paid_order_emits_an_event_to_its_collectivity(listening, nimes, gard):
    """With its price, and what a partial credit note took of it."""
    order = PurchaseFactory(confirmed=True)
    assert "order.paid" not in [kind for kind, *_ in emitted_events()]
    with schema_context("public"):
        actions.credit(order, amount="10")
        actions.pay(order, amount=order.owed)
    [(_, subject, data)] = [one for one in emitted_events() if one[0] == "order.paid"]
    assert subject == f"order:{order.pk}"
    assert data == {"order": order.pk, "total_ttc": str(order.total_ttc), "credited_ttc": "10.00", "currency": "EUR"}
    with tenant_context(gard):
        assert not WebhookEvent.objects.exists()


@pytest.mark.slow
def test_no_event_contains_a_key_or_a_name(listening, pool):
    school = SchoolFactory()
    allocation = allocate_units(pool, school, units=1)
    with schema_context("public"):
        principal, teacher = PrincipalFactory(), TeacherFactory(last_name="Introuvable")
        AffiliationFactory(user=principal, school=school)
        code = unseal_key(allocation.key)
        subscriptions.redeem(code=code, by=principal, at=TERM)
        subscriptions.claim(code=code, by=teacher, at=TERM)
    run_portal_jobs()
    result = str(emitted_events())
    assert "allocation.exhausted" in result
    for secret in (code, code[-6:], "Introuvable", teacher.email, principal.email, principal.last_name):
        assert secret not in result


def _statements(act):
    with CaptureQueriesContext(connection) as asked:
        act()
    return len(asked)


@pytest.mark.slow
def test_many_events_take_as_many_statements_as_one(listening, pool):
    def give_to(count):
        demands = [Demand(school.uai, 1, school.email) for school in SchoolFactory.create_batch(count)]
        return lambda: pools.allocate_many(pool_id=pool.pk, demands=demands, by=UserFactory(), at=TERM)

    assert _statements(give_to(3)) == _statements(give_to(8))
    assert WebhookEvent.objects.filter(type="allocation.issued").count() == 11


@pytest.mark.slow
def test_without_endpoints_an_operation_adds_one_query(pool, monkeypatch):
    asked = []
    listeners = get_listeners
    monkeypatch.setattr(emitting, "get_listeners", lambda at: asked.append(at) or listeners(at))
    school = SchoolFactory()
    allocation = allocate_units(pool, school, units=3)
    reductions.reduce_many(pool_id=pool.pk, reductions=[Reduction(school.uai, 1)], by=None, at=TERM)
    reductions.revoke(allocation_id=allocation.pk, by=None, at=TERM)
    assert len(asked) == 3
    assert not WebhookEvent.objects.exists()
    assert not list_waiting_jobs("webhooks.drain")
