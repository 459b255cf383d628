"""A day begins and ends at midnight in Paris."""

import datetime

from core.calendar import date_in_paris, end_of_day, start_of_day


def test_the_last_day_ends_at_midnight_in_paris():
    # 22:30 UTC on 31 August is half past midnight on 1 September in Paris.
    assert date_in_paris(datetime.datetime(2027, 8, 31, 22, 30, tzinfo=datetime.UTC)) == datetime.date(2027, 9, 1)
    assert date_in_paris(datetime.datetime(2027, 8, 31, 21, 30, tzinfo=datetime.UTC)) == datetime.date(2027, 8, 31)


def test_a_day_on_which_clocks_go_back_lasts_25_hours():
    day = datetime.date(2026, 10, 25)
    start, end = start_of_day(day).astimezone(datetime.UTC), end_of_day(day).astimezone(datetime.UTC)
    assert end - start == datetime.timedelta(hours=25)
    assert date_in_paris(end - datetime.timedelta(microseconds=1)) == day
