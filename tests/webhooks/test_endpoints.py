"""Operations on endpoints and deliveries."""

import datetime

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from jobs import due
from jobs.models import DueWork
from tests.refusals import refuses
from tests.waiting_jobs import list_waiting_jobs
from tests.webhooks import receiver as behaviours
from tests.webhooks.events import FakeClock, deliver_due, emit_events, fail_until_given_up, make_issued_event
from webhooks import endpoints
from webhooks.drain import drain
from webhooks.models import Attempt, Delivery, WebhookEndpoint, WebhookEvent
from webhooks.operations import Listeners, emit, prune_events, write_events


def test_a_test_event_goes_to_one_endpoint_whatever_its_filters(nimes, endpoint, receiver):
    other = endpoints.add(url=f"{receiver.url}/autre", types=["order.paid"], by_id=None, at=timezone.now()).endpoint
    sent = endpoints.send_test(endpoint_id=other.pk, at=timezone.now())
    assert (sent.endpoint_id, sent.event.type) == (other.pk, "webhook.test")
    assert Delivery.objects.count() == 1
    assert deliver_due(other) == 1
    assert receiver.contents[0]["data"] == {"webhook": other.pk}


@pytest.mark.slow
def test_a_delivery_is_replayed_under_the_same_id(endpoint, receiver):
    emit_events(make_issued_event(1))
    deliver_due(endpoint)
    delivery = Delivery.objects.get()
    endpoints.replay(endpoint_id=endpoint.pk, delivery_id=delivery.pk, at=timezone.now())
    with refuses("delivery_pending"):
        endpoints.replay(endpoint_id=endpoint.pk, delivery_id=delivery.pk, at=timezone.now())
    assert deliver_due(endpoint) == 1
    assert receiver.received[0].id == receiver.received[1].id
    assert Attempt.objects.count() == 2


@pytest.mark.slow
def test_a_failed_delivery_can_be_replayed_and_wakes_a_paused_endpoint(endpoint, receiver):
    receiver.behaviour = behaviours.respond_with(503)
    clock = FakeClock()
    emit_events(make_issued_event(1))
    fail_until_given_up(endpoint, clock)
    delivery = Delivery.objects.get()
    assert delivery.state == "failed"
    receiver.behaviour = behaviours.respond_with(200)
    endpoints.replay(endpoint_id=endpoint.pk, delivery_id=delivery.pk, at=clock())
    clock.advance(seconds=1)
    assert deliver_due(endpoint, clock) == 1


@pytest.mark.slow
def test_a_disabled_endpoint_keeps_its_queue_until_enabled(endpoint, receiver):
    emit_events(make_issued_event(1))
    endpoints.update(endpoint_id=endpoint.pk, is_enabled=False)
    assert deliver_due(endpoint) == 0
    for refused in (
        lambda: endpoints.send_test(endpoint_id=endpoint.pk, at=timezone.now()),
        lambda: endpoints.replay(endpoint_id=endpoint.pk, delivery_id=1, at=timezone.now()),
    ):
        with refuses("webhook_disabled"):
            refused()
    before = len(list_waiting_jobs("webhooks.drain"))
    endpoints.update(endpoint_id=endpoint.pk, is_enabled=True)
    assert len(list_waiting_jobs("webhooks.drain")) == before + 1
    assert deliver_due(endpoint) == 1


def test_a_deleted_endpoint_gets_nothing_and_its_history_is_kept(endpoint, receiver):
    emit_events(make_issued_event(1))
    deliver_due(endpoint)
    emit_events(make_issued_event(2))
    endpoints.remove(endpoint_id=endpoint.pk, at=timezone.now())
    assert deliver_due(endpoint) == 0
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == ["delivered", "failed"]
    with pytest.raises(endpoints.UnknownEndpoint):
        endpoints.update(endpoint_id=endpoint.pk, is_enabled=True)


def test_an_endpoint_of_another_collectivity_is_unknown(endpoint, gard):
    with tenant_context(gard):
        for act in (endpoints.rotate_secret, endpoints.remove, endpoints.send_test):
            with pytest.raises(endpoints.UnknownEndpoint):
                act(endpoint_id=endpoint.pk, at=timezone.now())


def add(url):
    return endpoints.add(url=url, types=[], by_id=None, at=timezone.now()).endpoint


@pytest.mark.slow
def test_an_office_has_twenty_endpoints_at_most(nimes):
    for number in range(endpoints.MAX_ENDPOINTS):
        last = add(f"https://si.exemple.fr/{number}")
    with refuses("too_many_webhooks"):
        add("https://si.exemple.fr/un-de-trop")
    endpoints.remove(endpoint_id=last.pk, at=timezone.now())
    add("https://si.exemple.fr/une-place")


def test_a_url_is_registered_once(nimes):
    first, second = add("https://si.exemple.fr/1"), add("https://si.exemple.fr/2")
    with refuses("url_already_used"):
        add(first.url)
    with refuses("url_already_used"):
        endpoints.update(endpoint_id=second.pk, url=first.url)
    endpoints.remove(endpoint_id=first.pk, at=timezone.now())
    assert endpoints.update(endpoint_id=second.pk, url=first.url).url == first.url


def test_a_repeated_rotation_is_refused(endpoint):
    seen = endpoint.rotation
    endpoints.rotate_secret(endpoint_id=endpoint.pk, at=timezone.now(), expected_rotation=seen)
    with refuses("already_rotated"):
        endpoints.rotate_secret(endpoint_id=endpoint.pk, at=timezone.now(), expected_rotation=seen)


def test_an_event_whose_job_is_lost_is_delivered_all_the_same(nimes, endpoint, receiver):
    emit_events(make_issued_event(1))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM public.procrastinate_jobs")
    assert due.queue_due_work(at=timezone.now() + datetime.timedelta(minutes=3)) == [("webhooks.drain", "c_nimes")]
    assert list_waiting_jobs("webhooks.drain", schema="c_nimes")
    assert drain() == 1
    assert len(receiver.contents) == 1


def list_looks():
    return list(DueWork.objects.filter(kind="webhooks.prune").order_by("due_at").values_list("due_at", flat=True))


@pytest.mark.slow
def test_events_are_deleted_after_thirty_days(endpoint, receiver):
    now = timezone.now()
    for number, days in ((1, 31), (2, 29)):
        emit(events=[make_issued_event(number)], at=now - datetime.timedelta(days=days), emitted_at=now)
        deliver_due(endpoint)
    endpoints.remove(endpoint_id=endpoint.pk, at=now)
    # Where nobody has tried them by then, they are given up: three days and an hour, once.
    assert list_looks() == [now + datetime.timedelta(days=3, hours=1)]
    DueWork.objects.all().delete()
    assert prune_events(at=now) == 1
    assert WebhookEvent.objects.get().subject == "allocation:2"
    assert Delivery.objects.count() == Attempt.objects.count() == 1
    assert list_looks() == [now + datetime.timedelta(days=1)]
    later = now + datetime.timedelta(days=40)
    DueWork.objects.all().delete()
    prune_events(at=later)
    assert not WebhookEndpoint.objects.exists()
    assert list_looks() == []


def test_deliveries_of_a_disabled_endpoint_expire_too(endpoint):
    now = timezone.now()
    emit_events(make_issued_event(1), at=now - datetime.timedelta(days=4))
    endpoints.update(endpoint_id=endpoint.pk, is_enabled=False)
    assert due.take("webhooks.prune", at=now) == ["c_nimes"]
    prune_events(at=now)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason) == ("failed", "Abandonné au bout de trois jours sans succès.")
    assert due.take("webhooks.prune", at=now + datetime.timedelta(days=30)) == ["c_nimes"]


def test_a_replayed_delivery_is_given_up_in_its_time(endpoint, receiver):
    now = timezone.now()
    emit_events(make_issued_event(1))
    deliver_due(endpoint)
    DueWork.objects.all().delete()
    endpoints.replay(endpoint_id=endpoint.pk, delivery_id=Delivery.objects.get().pk, at=now)
    assert list_looks() == [now + datetime.timedelta(days=3, hours=1)]


def test_events_that_are_only_read_are_deleted_too(nimes):
    now = timezone.now()
    only_readers = Listeners({}, has_readers=True)
    assert write_events(events=[make_issued_event(1)], to=only_readers, at=now)
    assert list_looks() == [now + datetime.timedelta(days=30)]
