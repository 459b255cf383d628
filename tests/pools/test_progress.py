"""How far licences have come, and which keys are stuck: the same as the list of allocations finds."""

import datetime

import pytest
from django_tenants.utils import tenant_context

from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import get_school_year
from licensing.orders import operations as orders
from licensing.pools.filters import DORMANT_DAYS
from licensing.pools.key_emails import remind_many, resend_many
from licensing.pools.models import Allocation, MessageKind
from licensing.pools.positions import list_pool_positions, read_progress
from licensing.pools.queries import (
    Situation,
    filter_delivered,
    filter_not_redeemed_since,
    filter_situation,
    list_allocations,
    list_held_keys,
)
from licensing.pools.reductions import revoke
from mailing.models import Message, MessageState
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed

pytestmark = pytest.mark.slow

DAY = datetime.timedelta(days=1)


def send(allocation, *, at, state=MessageState.SENT):
    """Let the last e-mail of an allocation have left at a moment."""
    fields = BOUNCE_FIELDS if state == MessageState.BOUNCED else {}
    last = Message.objects.filter(topic_id=allocation.pk).order_by("-pk")[:1]
    Message.objects.filter(pk__in=last.values("pk")).update(state=state, sent_at=at, **fields)


@pytest.fixture
def old_pool(pool, now):
    """A pool whose licences are valid for two months."""
    Entitlement.objects.update(first_day=(now - 60 * DAY).date())
    return pool


def test_delivered_are_the_redeemed_and_those_whose_last_letter_arrived(old_pool, now):
    arrived = allocate_units(old_pool, SchoolFactory(), units=1, at=now)
    send(arrived, at=now)
    lost = allocate_units(old_pool, SchoolFactory(), units=2, at=now)
    send(lost, at=now, state=MessageState.BOUNCED)
    allocate_units(old_pool, SchoolFactory(), units=4, at=now)
    mark_redeemed(allocate_units(old_pool, SchoolFactory(), units=8, at=now), PrincipalFactory())
    revoked = allocate_units(old_pool, SchoolFactory(), units=16, at=now)
    send(revoked, at=now)
    revoke(allocation_id=revoked.pk, by=None, at=now)
    [progress] = read_progress(now, limit=1).pools
    assert progress.delivered == 1 + 8
    remind_many(allocation_ids=[arrived.pk], by=None, at=now)
    resend_many(allocation_ids=[lost.pk], by=None, at=now)
    # Neither is taken back by a reminder on its way, nor given by a letter that has not arrived yet.
    assert read_progress(now, limit=1).pools[0].delivered == 1 + 8
    send(lost, at=now)
    assert read_progress(now, limit=1).pools[0].delivered == 1 + 2 + 8
    send(arrived, at=now, state=MessageState.FAILED)  # its reminder
    assert read_progress(now, limit=1).pools[0].delivered == 2 + 8


def test_the_list_of_delivered_ones_sums_to_the_figure(old_pool, manager, now):
    def list_units():
        found = filter_delivered(date_in_paris(now), Allocation.objects.all())
        return sorted(found.values_list("units", flat=True))

    arrived, lost, waiting, redeemed, revoked = (
        allocate_units(old_pool, SchoolFactory(), units=units, at=now) for units in (1, 2, 4, 8, 16)
    )
    for allocation in (arrived, redeemed, revoked):
        send(allocation, at=now)
    send(lost, at=now, state=MessageState.BOUNCED)
    mark_redeemed(redeemed, PrincipalFactory())
    revoke(allocation_id=revoked.pk, by=None, at=now)
    assert list_units() == [1, 8]
    remind_many(allocation_ids=[arrived.pk], by=None, at=now)
    resend_many(allocation_ids=[lost.pk, waiting.pk], by=None, at=now)
    assert list_units() == [1, 8]
    send(lost, at=now)
    Entitlement.objects.update(suspended_at=now)
    assert list_units() == [1, 2, 8]
    assert sum(list_units()) == read_progress(now, limit=1).pools[0].delivered
    send(arrived, at=now, state=MessageState.FAILED)  # its reminder
    assert list_units() == [2, 8]
    assert sum(list_units()) == read_progress(now, limit=1).pools[0].delivered
    shown = manager.get("/attributions/?situation=reached").content.decode()
    assert [one for one in (arrived, lost, waiting, redeemed, revoked) if one.school_id in shown] == [
        lost, redeemed,
    ]  # fmt: skip
    Entitlement.objects.update(last_day=date_in_paris(now) - DAY)
    assert list_units() == []


def test_the_list_of_allocations_offers_the_years_where_there_are_several(old_pool, nimes, manager, now):
    this_year, next_year = SchoolFactory(), SchoolFactory()
    allocate_units(old_pool, this_year, at=now)
    assert 'name="year"' not in manager.get("/attributions/").content.decode()
    other = orders.grant(collectivity=nimes, licences=7, reason="Essai", name="Lot B", by=None, at=now)
    allocate_units(other, next_year, at=now)
    year = get_school_year(old_pool.entitlement.last_day)
    Entitlement.objects.filter(pk=other.entitlement_id).update(last_day=datetime.date(year + 1, 8, 31))
    for asked, found in ((year, this_year), (year + 1, next_year)):
        shown = manager.get(f"/attributions/?year={asked}").content.decode()
        assert 'name="year"' in shown
        assert [one for one in (this_year, next_year) if one.pk in shown] == [found]


def test_past_years_are_shown_only_if_they_are_asked_for(old_pool, nimes, manager, now):
    past, current = SchoolFactory(), SchoolFactory()
    allocate_units(old_pool, past, at=now)
    other = orders.grant(collectivity=nimes, licences=7, reason="Essai", name="Lot B", by=None, at=now)
    allocate_units(other, current, at=now)
    Entitlement.objects.filter(pk=old_pool.entitlement_id).update(last_day=date_in_paris(now) - DAY)
    Entitlement.objects.filter(pk=other.entitlement_id).update(last_day=date_in_paris(now) + 360 * DAY)

    def list_schools(query):
        shown = manager.get(f"/attributions/{query}").content.decode()
        return [one for one in (past, current) if one.pk in shown], "Montrer toutes les années" in shown

    assert list_schools("") == ([current], True)
    assert list_schools("?year=all") == ([past, current], False)
    assert list_schools(f"?pool={old_pool.pk}") == ([past], False)
    assert list_schools("?situation=expired") == ([past], False)
    assert list_schools("?year=hier") == ([current], True)
    lots = manager.get("/lots/").content.decode()
    assert lots.index("Lot B") < lots.index("Années passées (1)") < lots.index(f"lot-{old_pool.pk}")
    # An office with past years alone reads them.
    Entitlement.objects.update(first_day=date_in_paris(now) - DAY, last_day=date_in_paris(now) - DAY)
    assert list_schools("") == ([past, current], False)


@pytest.mark.small
def test_the_position_is_that_of_the_lots_page(old_pool, nimes, now):
    allocate_units(old_pool, SchoolFactory(), units=3, at=now)
    orders.grant(collectivity=nimes, licences=7, reason="Essai", name="Lot B", by=None, at=now)
    assert [progress.position for progress in read_progress(now, limit=1).pools] == list_pool_positions()


@pytest.mark.small
def test_held_keys_are_counted_as_the_list_of_allocations_counts_them(old_pool, now):
    for number in range(3):
        send(
            allocate_units(old_pool, SchoolFactory(), at=now), at=None, state=[MessageState.HELD, "queued"][number // 2]
        )
    Entitlement.objects.update(suspended_at=now)
    [(_, keys)] = list_held_keys(date_in_paris(now))
    assert [progress.held_keys for progress in read_progress(now, limit=1).pools] == [keys] == [2]


def test_stuck_keys_are_what_the_filters_find_and_the_lost_come_first(old_pool, now):
    made = {}
    for name, days, state in (
        ("newer", 16, MessageState.SENT),
        ("older", 30, MessageState.DELIVERED),
        ("lost", 20, MessageState.FAILED),
        ("fresh", 14, MessageState.SENT),
        ("redeemed", 40, MessageState.SENT),
        ("suspended elsewhere", 16, MessageState.QUEUED),
    ):
        made[name] = allocate_units(old_pool, SchoolFactory(name=name), units=1, at=now - days * DAY)
        send(made[name], at=now - days * DAY, state=state)
    mark_redeemed(made["redeemed"], PrincipalFactory())
    current = list_allocations(date_in_paris(now))
    stuck = read_progress(now, limit=5).stuck
    assert [key.school_name for key in stuck.first] == ["lost", "older", "newer"]
    assert stuck.lost == filter_situation(Situation.UNDELIVERED, current).count() == 1
    assert stuck.dormant == filter_not_redeemed_since(now - DORMANT_DAYS * DAY, current).count() == 2
    Entitlement.objects.update(suspended_at=now)
    assert read_progress(now, limit=5).stuck.first == ()


@pytest.mark.small
def test_a_school_that_was_reminded_gives_its_place_to_the_next(old_pool, now):
    older, newer = (allocate_units(old_pool, SchoolFactory(), units=1, at=now - days * DAY) for days in (30, 20))
    for allocation, days in ((older, 30), (newer, 20)):
        send(allocation, at=now - days * DAY)
    [first] = read_progress(now, limit=1).stuck.first
    assert (first.allocation_id, first.reminded_at) == (older.pk, None)
    remind_many(allocation_ids=[older.pk], by=None, at=now)
    stuck = read_progress(now, limit=2).stuck
    assert [(key.allocation_id, key.reminded_today) for key in stuck.first] == [(newer.pk, False), (older.pk, True)]
    assert (stuck.dormant, stuck.remindable) == (2, 1)
    [next_day] = [key for key in read_progress(now + 2 * DAY, limit=2).stuck.first if key.allocation_id == older.pk]
    assert (next_day.reminded_today, next_day.reminded_at) == (False, now)
    assert Message.objects.filter(kind=MessageKind.REMINDER).count() == 1


@pytest.mark.small
def test_another_office_s_keys_are_not_found(old_pool, gard, now):
    send(allocate_units(old_pool, SchoolFactory(), at=now - 20 * DAY), at=now - 20 * DAY)
    assert len(read_progress(now, limit=5).stuck.first) == 1
    with tenant_context(gard):
        assert read_progress(now, limit=5).stuck.first == ()
        assert read_progress(now, limit=1).pools == []
