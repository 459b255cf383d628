"""French numbers, counts and dates."""

import datetime
from decimal import Decimal

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from core import formatting


@pytest.mark.parametrize(
    ("count", "read"),
    [
        (0, "0\u00a0licence"),
        (1, "1\u00a0licence"),
        (2, "2\u00a0licences"),
        (60000, "60\u202f000\u00a0licences"),
    ],
)
def test_counts(count, read):
    assert formatting.pluralize(count, "licence") == read


def test_a_noun_with_a_plural_of_its_own():
    assert formatting.pluralize(2, "clé activée", "clés activées") == "2\u00a0clés activées"


def test_dates():
    assert formatting.long_date(datetime.date(2027, 8, 31)) == "31\u00a0août 2027"
    assert formatting.long_date(datetime.date(2026, 9, 1)) == "1er\u00a0septembre 2026"
    moment = datetime.datetime(2026, 9, 1, 8, 5, tzinfo=datetime.UTC)
    assert formatting.long_moment(moment) == "1er\u00a0septembre 2026 à 08:05"


@pytest.mark.parametrize(
    ("amount", "read"),
    [
        ("0", "0,00\u00a0€"),
        ("165.83", "165,83\u00a0€"),
        ("1199", "1\u202f199,00\u00a0€"),
        ("12345678.9", "12\u202f345\u202f678,90\u00a0€"),
        ("-199.00", "\u2212199,00\u00a0€"),
    ],
)
def test_money(amount, read):
    assert formatting.euros(Decimal(amount)) == read


@pytest.mark.parametrize(("rate", "read"), [("20.00", "20\u00a0%"), ("5.50", "5,5\u00a0%"), ("0.00", "0\u00a0%")])
def test_rates(rate, read):
    assert formatting.percent(Decimal(rate)) == read


@given(st.integers(-(10**12), 10**12))
def test_a_number_is_written_as_babel_writes_it(value):
    assert formatting.number(value) == format_decimal(value, locale="fr")


def test_short_dates():
    assert formatting.short_date(datetime.date(2027, 8, 1)) == "01/08/2027"


@pytest.mark.parametrize(
    ("words", "read"), [([], ""), (["a"], "a"), (["a", "b"], "a et b"), (["a", "b", "c"], "a, b et c")]
)
def test_enumerations(words, read):
    assert formatting.join_words(words) == read


@pytest.mark.parametrize(("typed", "read"), [("Doublon", "Doublon."), ("Doublon.", "Doublon."), ("Vu ?", "Vu ?")])
def test_what_a_person_typed_ends_as_a_sentence(typed, read):
    assert formatting.end_sentence(typed) == read


@pytest.mark.parametrize(
    ("words", "count", "read"),
    [
        ([], None, ""),
        (["a", "b"], None, "a et b"),
        (["a", "b", "c"], None, "a, b et 1\u00a0autre"),
        (["a", "b", "c", "d"], None, "a, b et 2\u00a0autres"),
        (["a"], 4, "a et 3\u00a0autres"),
    ],
)
def test_the_first_words_and_how_many_are_left(words, count, read):
    assert formatting.join_first(words, 2, count=count) == read
