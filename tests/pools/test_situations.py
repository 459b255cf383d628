"""The situation of an allocation is one everywhere: on the pages, in the export and in the API."""

import datetime
import io

import openpyxl
import pytest

from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement
from licensing.pools.models import ALLOCATION_TOPIC, MessageKind
from licensing.pools.positions import read_progress
from licensing.pools.queries import NOT_REDEEMED, AllocationState, Situation, filter_situation, list_allocations
from licensing.pools.reductions import revoke
from licensing.pools.restorations import restore
from licensing.pools.year_use import list_school_holdings
from mailing.models import Message, MessageState
from tests.emails import BOUNCE_FIELDS, WAITING_FIELDS
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent
from tests.tiers import sampled

KEY, REMINDER, REDUCED = MessageKind.KEY, MessageKind.REMINDER, MessageKind.REDUCED


def get_situation(allocation, now):
    return list_allocations(date_in_paris(now)).get(pk=allocation.pk).situation


def write_messages(allocation, now, messages):
    """Replace the e-mails of an allocation by these, (kind, state), the first written first."""
    Message.objects.all().delete()
    for kind, state in messages:
        Message.objects.create(
            kind=kind,
            state="held" if state == "waiting" else state,
            recipient=allocation.recipient,
            topic=ALLOCATION_TOPIC,
            topic_id=allocation.pk,
            created_at=now,
            due_at=now,
            sent_at=now,
            lease_until=now if state == "sending" else None,
            **BOUNCE_FIELDS if state == "bounced" else {},
            **WAITING_FIELDS if state == "waiting" else {},
        )


@pytest.mark.parametrize(
    ("messages", "situation"),
    sampled(
        [
            ([(KEY, "queued")], "scheduled"),
            ([(KEY, "deferred")], "scheduled"),
            ([(KEY, "sending")], "sent"),
            ([(KEY, "sent")], "delivered"),
            ([(KEY, "delivered")], "delivered"),
            ([(KEY, "bounced")], "undelivered"),
            ([(KEY, "failed")], "undelivered"),
            ([(KEY, "cancelled")], "undelivered"),
            ([], "undelivered"),
            ([(KEY, "bounced"), (KEY, "queued")], "scheduled"),
            ([(KEY, "sent"), (KEY, "cancelled")], "delivered"),
            # A school that is reminded, or told of a smaller number, has its key already.
            ([(KEY, "sent"), (REMINDER, "queued")], "delivered"),
            ([(KEY, "delivered"), (REDUCED, "deferred")], "delivered"),
            ([(KEY, "delivered"), (REMINDER, "bounced")], "undelivered"),
            ([(KEY, "delivered"), (REMINDER, "cancelled")], "delivered"),
            ([(KEY, "bounced"), (REMINDER, "cancelled")], "undelivered"),
            # Its address was refused and a person has not decided yet; held for a suspended pool, it is still to send.
            ([(KEY, "waiting")], "undelivered"),
            ([(KEY, "sent"), (REMINDER, "waiting")], "undelivered"),
            ([(KEY, "held")], "scheduled"),
        ],
        fast=2,
    ),
)
def test_the_last_email_about_the_key_says_where_it_is(pool, now, messages, situation):
    allocation = allocate_units(pool, SchoolFactory(), at=now)
    write_messages(allocation, now, messages)
    assert get_situation(allocation, now) == situation
    listed = list_allocations(date_in_paris(now))
    assert [one for one in NOT_REDEEMED if filter_situation(one, listed).exists()] == [situation]
    last_day, day = pool.entitlement.last_day, date_in_paris(now)
    [holding] = list_school_holdings(last_day=last_day, day=day).values()
    is_undelivered = situation == Situation.UNDELIVERED
    assert (holding.is_unreached, read_progress(now, limit=1).stuck.lost) == (is_undelivered, int(is_undelivered))


def test_an_email_that_may_have_arrived_counts_as_sent(pool, now):
    allocation = allocate_units(pool, SchoolFactory(), at=now)
    Message.objects.update(state=MessageState.DEFERRED, unanswered=1)
    assert get_situation(allocation, now) == "sent"


@pytest.mark.slow
def test_a_revocation_that_was_undone_leaves_the_situation_of_before(pool, now):
    allocation = allocate_units(pool, SchoolFactory(), at=now)
    mark_sent()
    revoke(allocation_id=allocation.pk, by=None, at=now)
    assert get_situation(allocation, now) == "revoked"
    restore(allocation_id=allocation.pk, by=None, at=now)
    assert get_situation(allocation, now) == "delivered"


@pytest.mark.slow
def test_the_situation_is_the_state_but_for_a_key_to_be_redeemed(pool, now):
    issued = allocate_units(pool, SchoolFactory(), at=now)
    redeemed = allocate_units(pool, SchoolFactory(), at=now)
    mark_redeemed(redeemed, PrincipalFactory())
    past = (now - datetime.timedelta(days=2)).date()
    for fields, words in (
        ({}, ("scheduled", "redeemed")),
        ({"suspended_at": now}, ("suspended", "suspended")),
        ({"first_day": past, "last_day": past}, ("expired", "expired")),
    ):
        Entitlement.objects.update(**fields)
        assert (get_situation(issued, now), get_situation(redeemed, now)) == words
    # Of a redeemed key that the school gave back whole, the situation says more.
    others = set(Situation.values) - {one.value for one in NOT_REDEEMED}
    assert others == set(AllocationState.values) - {"issued"} | {"returned"}


@pytest.mark.slow
def test_every_page_the_export_and_the_filter_say_the_same(pool, manager, now):
    shown = {}
    for situation, label in (("scheduled", "Programmée"), ("delivered", "Remise"), ("undelivered", "Non remise")):
        allocation = allocate_units(pool, SchoolFactory(), at=now)
        state = {"scheduled": "queued", "delivered": "delivered", "undelivered": "failed"}[situation]
        Message.objects.filter(topic_id=allocation.pk).update(state=state, sent_at=now)
        shown[situation] = (allocation, f'-lt">{label}<')
    for situation, (allocation, badge) in shown.items():
        listed = manager.get(f"/attributions/?situation={situation}").content.decode()
        assert [one for one, _ in shown.values() if one.school_id in listed] == [allocation]
        for page in (
            listed,
            manager.get(f"/attributions/{allocation.pk}/").content.decode(),
            manager.get(f"/ecoles/{allocation.school_id}/").content.decode(),
        ):
            assert badge in page
            assert ("> non activée<" in page or ">non activée<" in page) == (page is not listed)
        answer = manager.get(f"/attributions/export.xlsx?situation={situation}")
        _, row = openpyxl.load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True)
        assert f'-lt">{row[5]}<' == badge
