"""Checks that compare the rows of a file with each other: duplicates, shared addresses, sums and outliers."""

import itertools
import time
from typing import Any

import pytest

from imports.checks import row_checks
from imports.checks.context import CheckContext, ComparableRow
from imports.checks.cross_row_checks import compare_rows
from imports.checks.problem_codes import UNTICKING
from imports.checks.row_checks import check_row
from imports.enums import Purpose, Verdict, Volume
from tests.imports.check_requests import (
    OPEN,
    PORTFOLIO,
    build_context,
    build_request,
    judge_all,
    matched_school,
    problem_codes,
)
from tests.imports.sample_files import UNUSED_UAIS

# The same school twice


def test_the_same_school_twice_with_one_number_is_allocated_once():
    first, second = judge_all([build_request(2), build_request(5, email="CE@ac.fr")], build_context())
    assert (first.verdict, first.ticked) == (Verdict.NEW, True)
    assert (second.verdict, second.ticked, problem_codes(second)) == (Verdict.IGNORED, False, ["duplicate"])
    assert "ligne\u00a02." in second.problems[0].message
    assert "L'adresse CE@ac.fr de cette ligne ne sert donc pas" in second.problems[0].message


def test_rows_of_other_sheets_are_named_with_their_sheet():
    judged = judge_all([build_request(2), build_request(2, sheet=1)], build_context())
    assert "ligne\u00a02 de la feuille « Alès »" in judged[1].problems[0].message


def test_the_same_school_twice_with_different_numbers_is_for_the_member_to_resolve():
    judged = judge_all([build_request(2), build_request(5, units=4)], build_context())
    assert [(one.verdict, problem_codes(one)) for one in judged] == [(Verdict.ERROR, ["conflicting_duplicate"])] * 2
    assert "ligne\u00a05 (4)" in judged[0].problems[0].message
    assert "ligne\u00a02 (3)" in judged[1].problems[0].message
    settled = judge_all([build_request(2), build_request(5, units=4, set_aside=True)], build_context())
    assert [one.verdict for one in settled] == [Verdict.NEW, Verdict.IGNORED]


@pytest.mark.parametrize(("others", "words"), [(5, "(8). Corrigez-le"), (6, "(8) et 1 autres. Corrigez-le")])
def test_five_rows_with_other_numbers_are_named_and_the_rest_is_counted(others, words):
    rows = [build_request(2, units=3), *(build_request(3 + n, units=4 + n) for n in range(others))]
    assert words in judge_all(rows, build_context())[0].problems[0].message


def test_one_number_for_all_is_no_contradiction():
    judged = judge_all([build_request(2), build_request(5, units=4)], build_context(volume=Volume.ALL, units_for_all=1))
    assert [one.verdict for one in judged] == [Verdict.NEW, Verdict.IGNORED]


# An address of several schools


def test_an_email_address_shared_by_schools_is_reported_with_its_rows():
    rows = [build_request(n, matched_school(UNUSED_UAIS[n]), email="mairie@ville.fr" if n else "") for n in range(4)]
    judged = judge_all(rows, build_context(mailbox="mairie@ville.fr"))
    assert [problem_codes(one) for one in judged] == [[], *[["email_shared"]] * 3]
    assert "3\u00a0écoles du tableau (voir aussi ligne\u00a02 et ligne\u00a03)" in judged[1].problems[0].message
    same_school = judge_all([build_request(2, email="ce@ac.fr"), build_request(3, email="ce@ac.fr")], build_context())
    assert [problem_codes(one) for one in same_school] == [[], ["duplicate"]]


@pytest.mark.slow
@pytest.mark.parametrize("same", ["email", "school", "sum"])
def test_cross_row_checks_take_one_pass(same):
    # A quadratic comparison took minutes.
    digits = [f"{number:07d}" for number in range(1, 10_001)]
    symbols = "ABCDEFGHJKLMNPRSTUVWXYZ"
    uais = [one + symbols[int(one) % 23] if same != "school" else UNUSED_UAIS[0] for one in digits]
    rows = [
        build_request(
            number,
            matched_school(uai),
            units=number % 7 + (40 if same == "sum" and number % 3 == 0 else 1),
            email="mairie@ville.fr" if same == "email" else "",
        )
        for number, uai in enumerate(uais)
    ]
    facts = dict.fromkeys(uais, OPEN)
    started = time.process_time()
    judged = judge_all(rows, CheckContext(Purpose.ALLOCATION, facts, False, True, Volume.COLUMN, None))
    assert time.process_time() - started < 5
    if same == "email":
        assert "est celle de plus de 100\u00a0écoles du tableau : vérifiez" in judged[9].problems[0].message
    assert problem_codes(judged[9]) == {
        "email": ["email_shared", "email_not_in_directory"], "school": ["conflicting_duplicate"], "sum": [],
    }[same]  # fmt: skip


# Plausibility


def test_more_licences_than_known_classes_are_reported_and_ticked_all_the_same():
    """The portfolio's number counts before the file's."""
    from_file = check_row(build_request(units=6, classes=5), build_context(portfolio=PORTFOLIO))
    assert (problem_codes(from_file), from_file.ticked, from_file.verdict) == (
        ["units_exceed_classes"],
        True,
        Verdict.NEW,
    )
    assert from_file.problems[0].message == "6\u00a0licences pour 5\u00a0classes selon le tableau."
    known = judge_all([build_request(units=6)], build_context(portfolio=PORTFOLIO._replace(classes=4)))[0]
    assert (problem_codes(known), known.ticked) == (["units_exceed_classes"], True)
    assert known.problems[0].message == "6\u00a0licences pour 4\u00a0classes selon votre périmètre."
    both = judge_all([build_request(units=6, classes=8)], build_context(portfolio=PORTFOLIO._replace(classes=4)))[0]
    assert (problem_codes(both), both.ticked) == (["units_exceed_classes", "classes_differ"], True)
    assert (
        problem_codes(check_row(build_request(units=5), build_context(portfolio=PORTFOLIO._replace(classes=5)))) == []
    )
    assert problem_codes(check_row(build_request(units=500), build_context(portfolio=PORTFOLIO))) == []


def test_a_number_of_classes_that_is_not_the_portfolios_is_reported():
    different = build_context(portfolio=PORTFOLIO._replace(classes=9))
    judged = judge_all([build_request(units=5, classes=5)], different)[0]
    assert (problem_codes(judged), judged.ticked) == (["classes_differ"], True)
    assert judged.problems[0].message == "Le tableau dit 5\u00a0classes, votre périmètre 9."
    assert problem_codes(judge_all([build_request(units=5, classes=9)], different)[0]) == []


def check_group(*units, ignored=(), communes=None):
    rows = []
    for index, number in enumerate(units):
        digits = f"{index + 1:07d}"
        commune = communes[index] if communes else ""
        rows.append(
            build_request(
                index + 2,
                matched_school(digits + "ABCDEFGHJKLMNPRSTUVWXYZ"[int(digits) % 23]),
                None if index in ignored else number,
                cells={"commune": commune},
                ignored="Ligne de total." if index in ignored else "",
            )
        )
    facts = dict.fromkeys((row.school.uai for row in rows), OPEN)
    judged = judge_all(rows, CheckContext(Purpose.ALLOCATION, facts, False, True, Volume.COLUMN, None))
    return [
        (row.request.row.number, problem_codes(row))
        for row in judged
        if problem_codes(row) and problem_codes(row) != ["ignored"]
    ]


@pytest.mark.parametrize(
    ("units", "more", "expected"),
    [
        ((3, 4, 5, 12, 4), {}, [5]),
        ((3, 4, 5, 13, 4), {}, []),
        # Two terms, or one that makes most of it, prove nothing.
        ((8, 8, 16, 4, 4), {}, []),
        ((1, 1, 10, 12, 2), {}, []),
        # Since the last total, since the last commune, and the grand total below the others.
        ((9, 0, 3, 4, 5, 12, 3), {"ignored": (1,)}, [7]),
        ((9, 3, 4, 5, 12, 3), {"communes": "abbbbc"}, [6]),
        ((3, 4, 5, 12, 2, 6, 7, 15, 27, 3, 3, 4), {}, [5, 9, 10]),
    ],
)
def test_a_number_that_is_the_sum_of_those_above_is_warned_about(units, more, expected):
    assert check_group(*units, **more) == [(number, ["probable_subtotal"]) for number in expected]


def test_a_number_far_beyond_the_others_is_warned_about():
    assert check_group(3, 3, 4, 2, 61) == [(6, ["outlier"])]
    assert check_group(3, 3, 4, 2, 60) == []
    assert check_group(4, 4, 4, 4, 80) == []
    assert {"outlier", "probable_subtotal"} <= UNTICKING


@pytest.mark.slow
def test_the_fast_path_gives_the_same_verdict_as_the_full_check():
    fast_results = 0
    cases: Any = itertools.product(
        (0, 1, 3, 61, None), (None, 3), ("", "ce@ac.fr", "a@b.fr"), ("uai", "repaired", "chosen"),
        (None, PORTFOLIO, PORTFOLIO._replace(contact_email="c@d.fr", classes=2)), (0, 3, 5), ("", "ce@ac.fr"),
        ({}, {"closed": True}, {"elementary": False}, {"has_portfolio": True}, {"volume": Volume.PORTFOLIO}),
    )  # fmt: skip
    together = compare_rows([ComparableRow(0, n, UNUSED_UAIS[1], "", 3, 3, "", counted=True) for n in range(9)])
    for units, classes, email, match_method, portfolio, held, mailbox, more in cases:
        row = build_request(units=units, classes=classes, email=email, school=matched_school(match_method=match_method))
        facts = build_context(portfolio=portfolio, held=held, mailbox=mailbox, **more)
        fast = row_checks.check_row_fast(row, facts, together)
        if fast is not None:
            fast_results += 1
            assert fast == check_row(row, facts, together)
    assert fast_results > 100
