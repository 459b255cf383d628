"""Dates and texts of others: in bounds, or refused as a `ValueError` and nothing else."""

import datetime
import re

import pytest
from django.db import IntegrityError, connection, transaction

from core.calendar import PARIS
from core.foreign_values import (
    FIRST_DAY,
    LAST_DAY,
    YEAR_PATTERN,
    clean_line,
    from_timestamp,
    parse_day,
    parse_header_date,
    parse_moment,
)
from licensing.books.bank.formats import UnreadableStatement, parse_camt053
from schools.directory.operations import _parse_date as parse_last_modified
from schools.models import SchoolHoliday
from tests.bank.statement_files import FileLine, StatementFile, write_camt

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Fri, 31 Dec 9999 23:30:00 +0000",
        "Sat, 01 Jan 2200 00:30:00 +0000",
        "Sun, 31 Dec 1899 23:59:59 +0000",
        "Fri, 31 Dec 2026 23:59:59 +99999999999999999999",
        "Fri, 99999999999999999999 Dec 2026 00:00:00 +0000",
        "Fri, 31 Dec 2026 23:59:59 -0000",
        "Fri",
        "",
        "1 Dec 2026 10:00 +0100" + " (CET)" * 100_000,
    ],
)
def test_a_date_of_a_header_that_cannot_be_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_header_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:30:00+00:00",
        "0001-01-01T00:00:00+14:00",
        "2026-12-01",
        "",
        "x" * 999,
    ],
)
def test_a_moment_that_cannot_be_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text)


@pytest.mark.parametrize("seconds", [1e300, -1e300, float("nan"), float("inf"), 2**63, 253402300799])
def test_a_number_of_seconds_that_cannot_be_is_refused(seconds):
    with pytest.raises(ValueError, match=r"."):
        from_timestamp(seconds)


def test_the_pattern_of_the_span_is_that_of_its_days():
    years = [year for year in range(1000, 3000) if re.match(YEAR_PATTERN, f"{year}-01-01")]
    assert years == list(range(FIRST_DAY.year, LAST_DAY.year + 1))


def test_what_can_be_is_read_in_utc():
    noon = datetime.datetime(2026, 11, 29, 9, 0, 3, tzinfo=datetime.UTC)
    assert parse_header_date("Sun, 29 Nov 2026 10:00:03 +0100 (CET)") == noon
    assert parse_header_date("Sun, 29 Nov 2026 09:00:03", default_zone=datetime.UTC) == noon
    assert parse_moment("2026-11-29T10:00:03+01:00") == parse_moment("2026-11-29T10:00:03", default_zone=PARIS) == noon
    assert from_timestamp(0) == EPOCH
    assert (parse_day("1900-01-01").year, parse_day("2199-12-31").year) == (1900, 2199)


def test_a_text_is_one_line_that_postgresql_stores():
    assert clean_line("a\0b\ud800c\r\n  d\u202e", 20) == "a b c d"
    assert clean_line("é" * 1_000_000, 3) == "ééé"
    assert clean_line(["x"], 4) == "['x'"


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2200-01-01"])
def test_a_day_of_no_statement_is_refused_with_its_line(day):
    content = write_camt(StatementFile((FileLine("1.00", "VIR"),))).replace(b"2026-11-25", day.encode())
    with pytest.raises(UnreadableStatement, match=f"« {day} » n'est celle d'aucun relevé"):
        parse_camt053(content)


@pytest.mark.parametrize("text", ["Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 31 Dec 2026 23:59:59 +99999999999999", ""])
def test_a_site_that_dates_its_directory_by_nonsense_dates_it_not_at_all(text):
    assert parse_last_modified(text) is None


@pytest.mark.django_db
def test_the_database_refuses_a_day_of_no_calendar():
    for day in (datetime.date(2200, 1, 1), datetime.date(1899, 12, 31)):
        with pytest.raises(IntegrityError, match="school_holiday_of_readable_dates"), transaction.atomic():
            SchoolHoliday.objects.create(zone="A", name="Été", first_day=day, last_day=day)


@pytest.mark.django_db
def test_each_column_that_holds_a_date_of_others_has_its_constraint():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, count(*) FROM pg_constraint"
            " WHERE pg_get_constraintdef(oid) ~ '1900-01-01' AND connamespace = 'public'::regnamespace GROUP BY 1"
        )
        assert {table for table, _ in cursor.fetchall()} >= {
            "accounting_balancetransaction",
            "bank_bankstatement",
            "bank_statementline",
            "billing_platformstatus",
            "mailing_message",
            "schools_schoolholiday",
        }
