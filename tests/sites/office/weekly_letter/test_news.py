"""The weekly letter: what makes one leave."""

import pytest

from collectivities.capabilities import Role
from collectivities.models import MemberLetter
from imports.models import SpreadsheetImport
from licensing.entitlements.models import Entitlement
from licensing.pools.models import Allocation
from licensing.pools.positions import list_pool_positions
from mailing.models import Message, MessageState
from sites.office import weekly_letter
from sites.office.weekly_letter import find_week_events
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.sites.office.weekly_letter.letters import (
    DAY,
    MONDAY,
    give_all,
    moment,
    read,
    upload_table,
)

pytestmark = pytest.mark.slow


@pytest.mark.small
def test_nothing_to_do_no_letter(pool, manager, clock):
    give_all(pool)
    assert weekly_letter.run(at=MONDAY) == 0
    assert not MemberLetter.objects.exists()


def list_letter_weeks(count):
    """Let weeks pass, and return the numbers of those that had a letter."""
    return [n for n in range(count) if weekly_letter.run(at=MONDAY + 7 * n * DAY)]


def test_what_somebody_waits_for_comes_again_after_four_weeks(pool, manager):
    give_all(pool)
    upload_table(pool)
    assert list_letter_weeks(6) == [0, 4]


def test_what_an_office_may_leave_as_it_is_comes_again_after_twelve_weeks(pool, manager):
    # « 100 licences restent à donner. »
    assert list_letter_weeks(14) == [0, 12]


@pytest.mark.parametrize("later", [(4, 13, 14), pytest.param(range(4, 15), marks=pytest.mark.slow)])
def test_a_line_is_news_once_whatever_its_numbers(pool, manager, later):
    weeks = [MONDAY + 7 * n * DAY for n in range(15)]
    assert weekly_letter.run(at=weeks[0]) == 1
    # 100 licences were left to give, then one.
    allocate_units(pool, PortfolioSchoolFactory().school, units=99)
    assert weekly_letter.run(at=weeks[1]) == 0
    upload_table(pool)
    assert [weekly_letter.run(at=at) for at in weeks[2:4]] == [1, 0]
    # What is done is no news, and what had a letter twelve weeks ago had one again meanwhile.
    SpreadsheetImport.objects.all().delete()
    assert [n for n in later if weekly_letter.run(at=weeks[n])] == [14]


def test_advice_is_news_once_a_year(pool, nimes):
    MemberFactory(roles=[Role.BUYER])
    allocate_units(pool, SchoolFactory(), units=95)
    # « N'a plus que 5 licences libres. »
    assert list_letter_weeks(16) == [0]


def test_the_last_licences_of_a_lot_have_one_line(pool, nimes, clock):
    MemberFactory(roles=[Role.MANAGER, Role.BUYER])
    allocate_units(pool, SchoolFactory(), units=95)
    weekly_letter.run(at=MONDAY)
    text = read(clock).text.replace("\xa0", " ")
    assert "Le lot « Lot A » n'a plus que 5 licences libres." in text
    assert "à donner" not in text


@pytest.mark.parametrize(("at", "is_written"), [(moment(6, 28, year=2027), True), (moment(7, 5, year=2027), False)])
def test_in_the_summer_no_letter_speaks_of_schools_that_do_not_answer(pool, manager, clock, at, is_written):
    given = allocate_units(pool, PortfolioSchoolFactory().school, units=99)
    PortfolioSchoolFactory()
    begin = moment(9, 1)
    Entitlement.objects.filter(pk=pool.entitlement_id).update(first_day=begin.date())
    Allocation.objects.filter(pk=given.pk).update(created_at=begin)
    Message.objects.filter(topic_id=given.pk).update(state=MessageState.SENT, sent_at=begin)
    upload_table(pool)
    weekly_letter.run(at=at)
    text = read(clock, at).text.replace("\xa0", " ")
    assert ("1 clé n'est pas activée" in text) == is_written
    PortfolioSchoolFactory()
    week = find_week_events([one for one in list_pool_positions() if one.pool_id == pool.pk], at)
    assert week.lacks_free_licences == is_written


def test_a_letter_that_was_dropped_does_not_count(pool, manager):
    weekly_letter.run(at=MONDAY)
    Message.objects.filter(kind=weekly_letter.WEEKLY_KIND).update(state=MessageState.CANCELLED)
    assert weekly_letter.run(at=MONDAY + 7 * DAY) == 1
