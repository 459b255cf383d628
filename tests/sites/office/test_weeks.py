"""The weekly curve: its scale, its marks, its words, and the table that says the same."""

import datetime

import pytest

from licensing.pools.year_use import WeekCounts
from sites.office.weeks import MIN_WEEKS, PLOT_SIZE, choose_scale_top, describe_week, draw_curve
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.html import collapse
from tests.sites.office.term_history import spend_weeks

MONDAY = datetime.date(2026, 8, 31)
WEEK = datetime.timedelta(days=7)


def make_weeks(count, **counts):
    return [WeekCounts(MONDAY + number * WEEK, **counts) for number in range(count)]


@pytest.mark.parametrize(("highest", "top"), [(0, 2), (2, 2), (3, 4), (9, 10), (11, 20), (57, 60), (101, 200)])
def test_the_scale_ends_at_a_round_number_with_a_whole_half(highest, top):
    assert choose_scale_top(highest) == top


def test_the_line_goes_from_week_to_week_within_its_box():
    weeks = [*make_weeks(9), WeekCounts(MONDAY + 9 * WEEK, activated=5)]
    curve = draw_curve(weeks)
    numbers = [int(number) for number in curve.line.removeprefix("M").split()]
    heights = numbers[1::2]
    assert numbers[::2] == [50 + 100 * number for number in range(10)]
    assert heights == [PLOT_SIZE] * 9 + [round(PLOT_SIZE / 6)]
    assert curve.scale == (6, 3, 0)
    assert (curve.weeks[-1].middle, curve.weeks[-1].top) == ("95.00%", "16.67%")


def test_a_first_week_is_drawn_after_empty_ones():
    curve = draw_curve(make_weeks(1, activated=1, sent=3))
    assert [week.counts.is_empty for week in curve.weeks] == [True] * (MIN_WEEKS - 1) + [False]
    assert [row.monday for row in curve.rows] == [MONDAY]


def test_the_line_begins_with_the_first_week_and_not_before():
    curve = draw_curve(make_weeks(2, activated=1, sent=3))
    assert len(curve.weeks) == MIN_WEEKS
    assert curve.line == "M812 500 938 500"
    assert curve.area == "M812 500 938 500 938 1000 812 1000Z"


def test_a_single_week_is_named_once():
    assert draw_curve(make_weeks(1, activated=1)).summary == "1\xa0clé activée cette semaine."


def test_months_are_named_where_they_begin_and_fewer_where_there_is_less_room():
    months = draw_curve(make_weeks(60, sent=1)).months
    assert [month.name for month in months][:3] == ["oct.", "nov.", "déc."]
    assert [month.needed_room for month in months][:7] == [0, 2, 2, 1, 2, 2, 0]
    few = draw_curve(make_weeks(10, sent=1)).months
    assert [(month.name, month.needed_room) for month in few] == [("oct.", 0), ("nov.", 1)]
    assert few[0].at == "40.00%"


def test_a_week_is_described_in_words():
    assert describe_week(WeekCounts(MONDAY, activated=12, licences=40, sent=1, reminded=3)) == (
        "Semaine du 31\xa0août 2026\xa0: 12\xa0clés activées, 1\xa0clé envoyée et 3\xa0relances envoyées."
    )
    assert describe_week(WeekCounts(MONDAY)).endswith("rien.")


def test_the_curve_says_its_highest_week():
    weeks = [*make_weeks(2, activated=1), WeekCounts(MONDAY + 2 * WEEK, activated=9), WeekCounts(MONDAY + 3 * WEEK)]
    curve = draw_curve(weeks)
    assert curve.summary == "11\xa0clés activées depuis la semaine du 31\xa0août 2026, dont aucune cette semaine."
    assert "Au plus 9 en une semaine, celle du 14\xa0septembre 2026." in curve.description


@pytest.mark.slow
def test_the_home_page_has_the_curve_and_its_table(nimes, office):
    spend_weeks(nimes, schools=6, weeks=5)
    shown = office("nimes", MemberFactory(user=UserFactory(), roles=["viewer"]).user).get("/").content.decode()
    drawing, table = shown.split("Les mêmes chiffres en tableau")
    # Beside the sample of the legend.
    assert drawing.count('class="weeks-reminded"') > 1
    assert "La courbe compte les clés, non les licences." in collapse(drawing)
    for heading in ("Clés activées", "Licences activées", "Clés envoyées", "Relances envoyées"):
        assert f">{heading}</th>" in table


def test_an_office_that_sent_nothing_has_no_curve(nimes, office):
    shown = office("nimes", MemberFactory(user=UserFactory(), roles=["viewer"]).user).get("/").content.decode()
    assert "Activations, semaine par semaine" not in shown
