"""Letters against each other and against what ends them, with real threads and real commits."""

import datetime
from functools import partial

import pytest

from bounces.models import FailedSending
from collectivities.letters import choose_letters
from collectivities.models import Letter, LetterChoice, MemberLetter, OfficeSettings
from core.calendar import PARIS
from licensing.orders import operations as orders
from mailing import refusals
from mailing.models import Message, MessageState
from sites.office import weekly_letter
from sites.office.failure_letters import FAILURE_KIND
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.races import run_concurrently, three_rounds

MONDAY = datetime.datetime(2026, 11, 30, 8, tzinfo=PARIS)


@pytest.fixture
def members(committing):
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    orders.grant(collectivity=committing, licences=50, reason="Course", by=None, at=TERM)
    return [MemberFactory(joined_at=TERM) for _ in range(3)]


def count_letters(kind):
    return Message.objects.filter(kind=kind).count()


@pytest.mark.slow
@three_rounds
def test_eight_workers_write_each_member_one_letter_a_week(committing, members, race_round):
    written = run_concurrently(committing.schema_name, [partial(weekly_letter.run, at=MONDAY)] * 8, expected_errors=())
    assert sum(written) == count_letters(weekly_letter.WEEKLY_KIND) == MemberLetter.objects.count() == 3


@three_rounds
def test_eight_workers_notice_a_sending_once(committing, members, race_round):
    fields = {"kind": "key", "created_at": TERM, "due_at": TERM, "state": MessageState.FAILED, "reason": "Refusé."}
    Message.objects.bulk_create(Message(recipient=f"e{n}@nimes.example", **fields) for n in range(12))
    check = partial(refusals.check_sendings, at=MONDAY)
    found = run_concurrently(committing.schema_name, [check] * 8, expected_errors=())
    assert sorted(len(one) for one in found) == [0] * 7 + [1]
    assert FailedSending.objects.count() == 1
    assert count_letters(FAILURE_KIND) == 3


@pytest.mark.slow
@three_rounds
def test_a_second_click_on_an_off_switch_and_the_writing_leave_one_choice(committing, members, race_round):
    stop = partial(choose_letters, member=members[0], wanted={Letter.WEEKLY: False}, at=MONDAY)
    run_concurrently(
        committing.schema_name, [stop, stop, stop, partial(weekly_letter.run, at=MONDAY)], expected_errors=()
    )
    assert [one.is_wanted for one in LetterChoice.objects.all()] == [False]
    assert weekly_letter.write_letters(at=MONDAY + datetime.timedelta(weeks=12)) == 2
