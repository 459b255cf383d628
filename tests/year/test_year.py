"""A year of three collectivities, 300 schools and 1,500 teachers, day by day on a clock: every letter is accounted for.

A tenth of the schools take part, with `YEAR_SCALE=1` all of them, as in `make demo ARGS=--year`. The letters are kept
where `YEAR_LETTERS` says, by receiver and in order, to be read.
"""

import datetime
import itertools
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from core.calendar import date_in_paris
from sites.audit.checks import check_all
from sites.demo.year.letters import write_letters
from sites.demo.year.places import OFFICES
from sites.demo.year.school_story import find_working_day
from sites.demo.year.simulation import YearSimulation
from sites.demo.year.story import YearStory
from sites.office.year_report import read_report
from tests.year.expected_letters import DAY, OF_REBALANCING, count_expected, find_year_letter_day, list_reminder_days

SCALE = float(os.environ.get("YEAR_SCALE", "0.1"))
#: In the past, whenever this runs: PostgreSQL's own clock goes on beside the simulated one.
FIRST_YEAR = 2024
WEEKLY = "office.weekly_letter"
#: How long a line of a weekly letter is known, and how many a member gets at most: little more than one a month.
KNOWN_FOR, MAX_WEEKLY = datetime.timedelta(weeks=4), 16
#: Causes of which a school is written to once a week at most.
AUTOMATIC = {"key_reminder", "unused_reminder", "october_reminder"}


@pytest.mark.slow
def test_every_letter_of_a_year_is_expected_and_none_is_missing(year_database, settings, tmp_path):
    settings.DATA = tmp_path
    story = YearStory(FIRST_YEAR, scale=SCALE)
    if SCALE == 1:
        assert len(story.plans) == 300
        assert sum(len(plan.teachers) for plan in story.plans) == 1500
    broken: dict[datetime.date, dict] = {}

    def audit(day):
        if day.weekday() == 0 or day == story.last_day:
            broken.update(find_broken_rules(day))

    simulation = YearSimulation(story, on_evening=audit)
    world = simulation.run()
    letters = simulation.book.letters
    by_kind = sort_letters(letters)
    Path(os.environ.get("YEAR_LETTERS", tmp_path / "letters.txt")).write_text(write_letters(letters), encoding="utf-8")

    assert broken == {}
    assert_letters_are_expected(story, letters)
    assert_nobody_at_school_is_written_to_in_the_holidays(story, letters)
    assert_one_reminder_a_week(letters)
    assert {date_in_paris(one.sent_at) for one in letters if one.kind == "class.year_ended"} == {
        find_year_letter_day(story)
    }
    assert_weekly_letters_come_by_the_rule(story, by_kind[WEEKLY])
    assert_members_are_reminded_of_the_renewal_in_its_months(story, by_kind["renewals.reminder"])
    assert_keys_of_lists_leave_on_the_first_morning(story, by_kind["key"])
    assert_a_rebalancing_answers_with_one_letter(story, letters)
    assert_reports_agree_with_the_story(story, world)


def sort_letters(letters):
    """Return the letters by their kind."""
    by_kind = defaultdict(list)
    for one in letters:
        by_kind[one.kind].append(one)
    return by_kind


def find_broken_rules(day):
    return {day: broken} if (broken := {one.code: one.examples for one in check_all() if one.broken}) else {}


def assert_letters_are_expected(story, letters):
    """Each letter once; but for a rebalancing, whose plan is the site's, and which is dated here.

    What an office's page counts for its members is the site's too: weekly letters are held to a rule of their own.
    """
    expected = count_expected(story)
    rebalanced = [act.day for act in story.acts if act.name == "rebalance"][-1]
    chambery = {one.mailbox for one in story.plans if one.office.slug == "chambery"}
    found = Counter(
        (one.kind, one.recipient)
        for one in letters
        if one.kind != WEEKLY
        and one.kind not in OF_REBALANCING
        and not (one.kind == "key" and one.recipient in chambery and date_in_paris(one.sent_at) == rebalanced)
    )
    assert {one: (expected[one], found[one]) for one in expected | found if expected[one] != found[one]} == {}


def assert_weekly_letters_come_by_the_rule(story, letters):
    """One a member and week, on its first working morning; none is empty, none comes to whom it is turned off."""
    received = defaultdict(list)
    for one in letters:
        at = timezone.localtime(one.sent_at)
        monday = at.date() - at.weekday() * DAY
        assert (at.date(), at.hour) == (find_working_day(monday), 8)
        lines = list_lines(one)
        assert lines, one
        received[one.recipient].append((monday, lines))
    assert set(received) == {one.email for office in OFFICES for one in (office.manager, office.buyer, office.officer)}
    for act in story.acts:
        if act.name == "stop_weekly_letter":
            assert max(received[act.arguments["office"].officer.email])[0] <= act.day
    for recipient, found in received.items():
        weeks = [monday for monday, _ in found]
        assert len(weeks) == len(set(weeks)), recipient
        assert [
            monday
            for (before, known), (monday, lines) in itertools.pairwise(found)
            if lines == known and monday - before < KNOWN_FOR
        ] == []
        assert len(found) <= MAX_WEEKLY, recipient


def list_lines(letter):
    return [line for line in letter.text.splitlines() if line.startswith("- ")]


def assert_members_are_reminded_of_the_renewal_in_its_months(story, letters):
    """How many each gets is counted elsewhere; here, that they come on the right mornings."""
    moments = {timezone.localtime(one.sent_at) for one in letters}
    assert {at.date() for at in moments} == set(list_reminder_days(story))
    assert {at.hour for at in moments} == {8}


def assert_keys_of_lists_leave_on_the_first_morning(story, letters):
    arrivals = {one.plan.mailbox: one.arrival for one in story.second.values()}
    sent = [one for one in letters if date_in_paris(one.sent_at) > datetime.date(story.ends_in, 8, 1)]
    assert {one.recipient: date_in_paris(one.sent_at) for one in sent} == arrivals
    assert {timezone.localtime(one.sent_at).hour for one in sent} == {8}


def assert_a_rebalancing_answers_with_one_letter(story, letters):
    """The letter of the licences says that it is the answer, and comes alone."""
    act = [one for one in story.acts if one.name == "rebalance"][-1]
    mailboxes = {plan.mailbox for plan in story.plans if plan.uai in act.arguments["answered"]}
    assert mailboxes
    answers = [one for one in letters if one.recipient in mailboxes and date_in_paris(one.sent_at) == act.day]
    assert Counter(one.recipient for one in answers) == dict.fromkeys(mailboxes, 1)
    assert all(one.kind == "key" and "c’est la réponse à votre demande" in one.text for one in answers)


def assert_nobody_at_school_is_written_to_in_the_holidays(story, letters):
    zones = {}
    for plan in story.plans:
        for address in (plan.mailbox, plan.address, *(teacher.email for teacher in plan.teachers)):
            zones[address] = plan.office.zone
    early = [
        (one.kind, one.recipient, timezone.localtime(one.sent_at))
        for one in letters
        if one.recipient in zones
        and not (
            story.terms.is_school_day(date_in_paris(one.sent_at), zones[one.recipient])
            and 8 <= timezone.localtime(one.sent_at).hour < 20
        )
    ]
    assert early == []


def assert_one_reminder_a_week(letters):
    weeks = Counter(
        (one.recipient, date_in_paris(one.sent_at).isocalendar()[:2]) for one in letters if one.kind in AUTOMATIC
    )
    # By hand, a school may be written to besides; the story's hand does it in a week of its own.
    assert [one for one, count in weeks.items() if count > 1] == []
    # Those by hand have no off switch.
    assert all(one.can_be_stopped for one in letters if one.kind in AUTOMATIC - {"key_reminder"})


def assert_reports_agree_with_the_story(story, world):
    last_day = datetime.date(story.ends_in, 8, 31)
    for office in OFFICES:
        schools = [one for one in story.first.values() if one.plan.office is office]
        with tenant_context(world.office(office)):
            report = read_report(story.ends_in, last_day)
        assert report.figures.bought == story.count_bought(office)
        assert report.figures.used == sum(len(one.held) for one in schools)
