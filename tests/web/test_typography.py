"""French numbers, counts and dates."""

from __future__ import annotations

import datetime

import pytest

from web import typography


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
    assert typography.plural(count, "licence") == read


def test_a_noun_with_a_plural_of_its_own():
    assert typography.plural(2, "clé activée", "clés activées") == "2\u00a0clés activées"


def test_dates():
    assert typography.day(datetime.date(2027, 8, 31)) == "31\u00a0août 2027"
    assert typography.day(datetime.date(2026, 9, 1)) == "1er\u00a0septembre 2026"
