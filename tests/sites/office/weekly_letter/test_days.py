"""The weekly letter: on which day it leaves."""

import pytest

from collectivities import letters
from jobs.models import DueWork
from mailing.kinds import NoLongerDue
from sites.office import weekly_letter
from sites.office.tasks import write_weekly_letters
from tests.conftest import TERM
from tests.requests.asking_school import AskingSchool
from tests.sites.office.weekly_letter.letters import (
    DAY,
    MONDAY,
    moment,
    read,
    upload_table,
)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (TERM, MONDAY),
        (moment(11, 30, 7), MONDAY),
        (MONDAY, moment(12, 7)),
        # Easter Monday, then a May Day on a Saturday; the year ends on a Thursday.
        (moment(3, 25, year=2027), moment(3, 30, year=2027)),
        (moment(3, 29, 9, year=2027), moment(3, 30, year=2027)),
        (moment(12, 28, 9), moment(1, 4, year=2027)),
    ],
)
def test_letters_leave_at_eight_on_the_first_working_day_of_a_week(at, expected):
    assert letters.get_next_weekly_moment(at) == expected


@pytest.mark.slow
def test_a_week_has_one_letter_whatever_runs_again(pool, manager):
    assert [weekly_letter.run(at=MONDAY + days * DAY) for days in (0, 0)] == [1, 0]
    upload_table(pool)
    assert [weekly_letter.run(at=MONDAY + days * DAY) for days in (1, 4, 7)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("at", "next_look"),
    [(moment(11, 30, 18), moment(12, 1)), (moment(12, 4, 20), moment(12, 7)), (moment(12, 5), moment(12, 7))],
)
def test_nothing_leaves_in_the_evening_or_on_a_weekend(pool, manager, at, next_look):
    DueWork.objects.all().delete()
    assert weekly_letter.run(at=at) == 0
    assert DueWork.objects.get().due_at == next_look


@pytest.mark.slow
@pytest.mark.parametrize("at", [moment(12, 5), moment(12, 7), moment(12, 12)])
def test_a_letter_that_was_kept_waiting_beyond_its_week_is_dropped(pool, manager, clock, at):
    weekly_letter.run(at=MONDAY)
    with pytest.raises(NoLongerDue):
        read(clock, at)


def test_a_lot_has_its_office_looked_at_and_the_last_look_ends_with_it(pool, clock):
    work = DueWork.objects.get(kind="office.weekly_letter")
    assert (work.schema, work.due_at) == ("c_nimes", MONDAY)
    DueWork.objects.all().delete()
    clock(MONDAY)
    write_weekly_letters()
    assert DueWork.objects.get().due_at == moment(12, 7)
    DueWork.objects.all().delete()
    clock(moment(9, 6, year=2027))
    write_weekly_letters()
    assert not DueWork.objects.exists()


def test_a_request_or_a_table_that_waits_has_an_office_without_licences_looked_at(nimes):
    AskingSchool().ask()
    weekly_letter.run(at=MONDAY)
    assert DueWork.objects.get(kind="office.weekly_letter").due_at == moment(12, 7)
