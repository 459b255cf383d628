"""Checks of each row against its school's current data."""

from __future__ import annotations

import datetime
import itertools
import time
from typing import Any

import pytest

from imports.checks import (
    CheckContext,
    CheckRequest,
    ComparableRow,
    PortfolioFacts,
    SchoolFacts,
    check_row,
    check_rows,
    compare_rows,
    row_checks,
)
from imports.checks.problem_codes import FIXES, LABELS, UNTICKING, list_fixes
from imports.checks.school_checks import DOUBT_CODES
from imports.checks.school_resolution import ResolvedSchool
from imports.enums import Purpose, Verdict, Volume
from imports.meanings import Problem
from imports.parsing.rows import ParsedRow
from schools.recognition import Proposal
from tests.conftest import TERM
from tests.imports.sample_files import UNUSED_UAIS

OPEN = SchoolFacts(
    label="École Zola – Alès",
    closed=False,
    elementary=True,
    mailbox="ce@ac.fr",
    portfolio=None,
    held=0,
    redeemed_at=None,
)
PORTFOLIO = PortfolioFacts("", "", "", None)


def judge_all(rows, situation):
    return list(check_rows(rows, situation))


def matched_school(uai=UNUSED_UAIS[0], match_method="uai", confidence=1.0):
    return ResolvedSchool(uai, match_method, confidence, (), "")


def doubtful_school(doubt, *, proposals=(), read="", uai=""):
    return ResolvedSchool(uai, "", None, tuple(proposals), doubt, read)


def build_request(number=2, school=None, units=3, email="", *, sheet=0, cells=None, **more):
    decided = {
        name: more.pop(name) for name in ("set_aside", "awaited", "conflict_resolution", "own_units") if name in more
    }
    fields = {"classes": None, "contact_name": "", "phone": "", "problems": [], "ignored": ""} | more
    row = ParsedRow(sheet=sheet, number=number, cells=cells or {}, email=email, units=units, **fields)
    return CheckRequest(row, matched_school() if school is None else school, **decided)


def build_context(
    *, purpose=Purpose.ALLOCATION, has_portfolio=False, volume=Volume.COLUMN, units_for_all=None, **facts
):
    more = {name: facts.pop(name) for name in ("successors", "for_elementary") if name in facts}
    one = OPEN._replace(**facts)
    return CheckContext(
        purpose, dict.fromkeys(UNUSED_UAIS, one), has_portfolio, more.get("for_elementary", True), volume,
        units_for_all,
        more.get("successors", {}), ("Alès", "Nîmes"),
    )  # fmt: skip


def problem_codes(judged):
    return [problem.code for problem in judged.problems]


def problem_message(judged, code):
    return next(problem.message for problem in judged.problems if problem.code == code)


# Volumes


@pytest.mark.parametrize(
    ("held", "verdict", "ticked"),
    [(0, Verdict.NEW, True), (1, Verdict.CHANGED, True), (3, Verdict.UNCHANGED, False), (5, Verdict.CONFLICT, False)],
)
def test_the_file_states_the_total_of_each_school(held, verdict, ticked):
    judged = check_row(build_request(), build_context(held=held))
    assert (judged.verdict, judged.ticked, judged.units_before) == (verdict, ticked, held)


@pytest.mark.parametrize(
    ("units", "redeemed", "conflict_resolution", "code", "ticked"),
    [
        (3, None, "", "lower", False),
        (3, None, "reduce", "lower", True),
        (3, None, "revoke", "lower", True),
        (0, None, "revoke", "reduced_to_zero", True),
        (0, None, "reduce", "reduced_to_zero", False),
        (3, TERM, "reduce", "below_redeemed_units", False),
        (0, TERM, "revoke", "below_redeemed_units", False),
    ],
)
def test_a_lower_number_is_resolved_by_what_is_possible(units, redeemed, conflict_resolution, code, ticked):
    judged = check_row(
        build_request(units=units, conflict_resolution=conflict_resolution), build_context(held=5, redeemed_at=redeemed)
    )
    assert (judged.verdict, problem_codes(judged), judged.ticked) == (Verdict.CONFLICT, [code], ticked)
    assert judged.request.conflict_resolution == (conflict_resolution if ticked else "")


def test_a_resolution_is_dropped_once_there_is_no_conflict():
    judged = check_row(build_request(conflict_resolution="reduce"), build_context(held=3))
    assert (judged.verdict, judged.request.conflict_resolution, judged.ticked) == (Verdict.UNCHANGED, "", False)


def test_a_redeemed_key_says_since_when():
    at = datetime.datetime(2026, 9, 1, 22, 30, tzinfo=datetime.UTC)
    assert "activée depuis le 2\u00a0septembre 2026" in problem_message(
        check_row(build_request(), build_context(held=5, redeemed_at=at)), "below_redeemed_units"
    )


def test_zero_licences_for_a_school_without_any_changes_nothing():
    judged = check_row(build_request(units=0), build_context(mailbox=""))
    assert (judged.verdict, problem_codes(judged)) == (Verdict.IGNORED, ["zero_units"])


@pytest.mark.parametrize(
    ("volume", "more", "units"),
    [
        (Volume.ALL, {"units_for_all": 7}, 7),
        (Volume.PORTFOLIO, {"portfolio": PORTFOLIO._replace(classes=9)}, 9),
        (Volume.CLASSES, {}, 3),
    ],
)
def test_the_volume_setting_decides_the_number(volume, more, units):
    assert check_row(build_request(), build_context(volume=volume, **more)).units == units
    assert check_row(build_request(own_units=True), build_context(volume=volume, **more)).units == 3


def test_a_portfolio_without_class_counts_gives_no_number():
    judged = check_row(build_request(), build_context(volume=Volume.PORTFOLIO, portfolio=PORTFOLIO))
    assert (judged.verdict, problem_codes(judged), judged.units) == (Verdict.ERROR, ["classes_unknown"], None)


def test_problems_of_the_cells_stay_with_the_row():
    fault = Problem("units", "units_invalid", "…")
    judged = check_row(build_request(units=None, problems=[fault]), build_context(closed=True))
    assert (judged.verdict, problem_codes(judged)) == (Verdict.ERROR, ["units_invalid", "school_closed"])


def test_an_ignored_row_gets_no_other_verdict():
    total = check_row(build_request(units=None, ignored="Ligne de total."), build_context(closed=True))
    assert (total.verdict, problem_codes(total), problem_message(total, "ignored")) == (
        Verdict.IGNORED,
        ["ignored"],
        "Ligne de total.",
    )
    aside = check_row(build_request(set_aside=True), build_context(closed=True))
    assert (aside.verdict, problem_codes(aside)) == (Verdict.IGNORED, ["set_aside"])
    waiting = check_row(
        build_request(set_aside=True, awaited=True, school=doubtful_school("unknown_school", uai="0010001W")),
        build_context(),
    )
    assert "0010001W" in problem_message(waiting, "awaited")


# The school


@pytest.mark.parametrize("doubt", DOUBT_CODES)
def test_each_doubt_is_an_error_with_a_code_a_sentence_and_a_way_out(doubt):
    judged = check_row(
        build_request(school=doubtful_school(doubt), cells={"uai": "0301234", "name": "Jean Macé"}), build_context()
    )
    assert (judged.verdict, problem_codes(judged), judged.ticked) == (Verdict.ERROR, [doubt], False)
    assert len(judged.problems[0].message) > 30
    assert list_fixes([doubt])


def test_an_uai_of_another_school_names_both():
    row = build_request(
        school=doubtful_school(
            "uai_of_another_school",
            read=UNUSED_UAIS[1],
            proposals=[Proposal(UNUSED_UAIS[2], "École Macé – Nîmes", 0.9)],
        ),
        cells={"uai": UNUSED_UAIS[1], "name": "Jean Macé", "commune": "Nîmes"},
    )
    sentence = problem_message(check_row(row, build_context()), "uai_of_another_school")
    assert sentence.startswith(
        f"L'UAI {UNUSED_UAIS[1]} est celui de « École Zola – Alès », et la ligne dit « Jean Macé » à Nîmes"
    )
    assert "parmi les propositions" in sentence


@pytest.mark.parametrize(("count", "begins"), [(1, "Une seule école"), (2, "Plusieurs écoles")])
def test_a_doubt_between_schools_says_how_many_there_are(count, begins):
    proposals = [Proposal(UNUSED_UAIS[n], "École Macé – Nîmes", 0.7) for n in range(count)]
    row = build_request(
        school=doubtful_school("ambiguous_school", proposals=proposals), cells={"name": "Macé", "commune": "Nîmes"}
    )
    sentence = check_row(row, build_context()).problems[0].message
    assert sentence.startswith(begins)
    assert "« Macé » à Nîmes" in sentence


def test_a_school_that_the_directory_does_not_know_can_be_awaited():
    for school in (doubtful_school("unknown_school", uai="0010001W"), matched_school("0010001W", "chosen")):
        judged = check_row(build_request(school=school), build_context())
        assert (judged.verdict, problem_codes(judged)) == (Verdict.ERROR, ["unknown_school"])
        assert "0010001W" in judged.problems[0].message
    assert list_fixes(["unknown_school"])[:2] == ["await", "choose"]
    likely = doubtful_school(
        "unknown_school", uai="0010001W", proposals=[Proposal(UNUSED_UAIS[1], "École Macé – Nîmes", 0.9)]
    )
    assert (
        "choisissez une école proposée" in check_row(build_request(school=likely), build_context()).problems[0].message
    )


@pytest.mark.parametrize(
    ("match_method", "code"), [("repaired", "repaired"), ("name", "matched_by_name"), ("chosen", None)]
)
def test_a_school_that_was_not_found_by_its_uai_says_how_and_how_surely(match_method, code):
    judged = check_row(
        build_request(
            school=matched_school(match_method=match_method, confidence=0.979), cells={"uai": "301234D", "name": "Zola"}
        ),
        build_context(),
    )
    assert (judged.verdict, judged.ticked) == (Verdict.NEW, True)
    assert problem_codes(judged) == ([code] if code else [])
    if code:
        assert "97\u00a0%" in problem_message(judged, code)


def test_a_closed_school_is_an_error_and_its_successor_proposed():
    alone = check_row(build_request(), build_context(closed=True))
    assert (alone.verdict, problem_codes(alone)) == (Verdict.ERROR, ["school_closed"])
    heir = Proposal(UNUSED_UAIS[1], "École Zola-Neuve – Alès", 0.8)
    replaced = check_row(build_request(), build_context(closed=True, successors={UNUSED_UAIS[0]: heir}))
    assert replaced.request.school.proposals == (heir,)
    assert UNUSED_UAIS[1] in problem_message(replaced, "school_closed")


def test_a_school_without_elementary_classes_is_warned_about_unticked_and_allowed():
    judged = check_row(build_request(), build_context(elementary=False))
    assert (judged.verdict, problem_codes(judged), judged.ticked) == (Verdict.NEW, ["no_elementary"], False)
    assert problem_codes(check_row(build_request(), build_context(elementary=False, for_elementary=False))) == []


def test_a_school_outside_the_portfolio_is_a_warning_when_there_is_one():
    outside = check_row(build_request(), build_context(has_portfolio=True))
    assert (problem_codes(outside), outside.ticked) == (["not_in_portfolio"], True)
    assert problem_codes(check_row(build_request(), build_context(has_portfolio=False))) == []
    assert problem_codes(check_row(build_request(), build_context(has_portfolio=True, portfolio=PORTFOLIO))) == []


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


def test_one_number_for_all_is_no_contradiction():
    judged = judge_all([build_request(2), build_request(5, units=4)], build_context(volume=Volume.ALL, units_for_all=1))
    assert [one.verdict for one in judged] == [Verdict.NEW, Verdict.IGNORED]


# The e-mail address


@pytest.mark.parametrize(
    ("email", "contact", "mailbox", "recipient"),
    [("a@b.fr", "c@d.fr", "e@f.fr", "a@b.fr"), ("", "c@d.fr", "e@f.fr", "c@d.fr"), ("", "", "e@f.fr", "e@f.fr")],
)
def test_the_recipient_comes_from_the_file_then_the_portfolio_then_the_directory(email, contact, mailbox, recipient):
    portfolio = PORTFOLIO._replace(contact_email=contact)
    assert (
        check_row(build_request(email=email), build_context(portfolio=portfolio, mailbox=mailbox)).recipient
        == recipient
    )


def test_a_missing_email_address_is_one_error():
    judged = check_row(build_request(), build_context(mailbox=""))
    assert (judged.verdict, problem_codes(judged)) == (Verdict.ERROR, ["email_missing"])
    malformed = check_row(build_request(problems=[Problem("email", "email_invalid", "…")]), build_context(mailbox=""))
    assert problem_codes(malformed) == ["email_invalid"]


@pytest.mark.parametrize(
    ("email", "expected"),
    [("a@b.fr", ["email_not_in_directory"]), ("CE@ac.fr", []), ("c@d.fr", [])],
)
def test_an_unknown_email_address_is_flagged(email, expected):
    judged = check_row(build_request(email=email), build_context(portfolio=PORTFOLIO._replace(contact_email="C@d.fr")))
    assert (problem_codes(judged), judged.ticked) == (expected, True)
    assert problem_codes(check_row(build_request(email=email), build_context(mailbox=""))) == []


def test_an_email_address_shared_by_schools_is_reported_with_its_rows():
    rows = [build_request(n, matched_school(UNUSED_UAIS[n]), email="mairie@ville.fr" if n else "") for n in range(4)]
    judged = judge_all(rows, build_context(mailbox="mairie@ville.fr"))
    assert [problem_codes(one) for one in judged] == [[], *[["email_shared"]] * 3]
    assert "3\u00a0écoles du tableau (voir aussi ligne\u00a02 et ligne\u00a03)" in judged[1].problems[0].message
    same_school = judge_all([build_request(2, email="ce@ac.fr"), build_request(3, email="ce@ac.fr")], build_context())
    assert [problem_codes(one) for one in same_school] == [[], ["duplicate"]]


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


def test_more_licences_than_known_classes_are_warned_about_and_unticked():
    from_file = check_row(build_request(units=6, classes=5), build_context(portfolio=PORTFOLIO._replace(classes=9)))
    assert (problem_codes(from_file), from_file.ticked, from_file.verdict) == (
        ["units_exceed_classes"],
        False,
        Verdict.NEW,
    )
    assert "le tableau" in from_file.problems[0].message
    assert problem_codes(check_row(build_request(units=6), build_context(portfolio=PORTFOLIO._replace(classes=5)))) == [
        "units_exceed_classes"
    ]
    assert (
        problem_codes(check_row(build_request(units=5), build_context(portfolio=PORTFOLIO._replace(classes=5)))) == []
    )
    assert problem_codes(check_row(build_request(units=500), build_context(portfolio=PORTFOLIO))) == []


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


# The portfolio


def portfolio_row(**more):
    return build_request(units=None, **more)


def in_portfolio(**facts):
    return build_context(purpose=Purpose.PORTFOLIO, for_elementary=False, has_portfolio=True, volume=None, **facts)


def test_a_portfolio_row_lists_its_changes_field_by_field():
    before = PortfolioFacts("Mme Roy", "a@b.fr", "", 5)
    judged = check_row(portfolio_row(email="c@d.fr", classes=6, phone="0466000000"), in_portfolio(portfolio=before))
    assert (judged.verdict, judged.ticked, judged.before) == (Verdict.CHANGED, True, before._asdict())
    assert problem_message(judged, "changes") == "Contact : a@b.fr → c@d.fr ; téléphone : 0466000000 ; classes : 5 → 6."


def test_an_empty_cell_changes_no_portfolio_field_and_an_unknown_school_is_new():
    unchanged = check_row(portfolio_row(), in_portfolio(portfolio=PortfolioFacts("Mme Roy", "a@b.fr", "", 5)))
    assert (unchanged.verdict, unchanged.ticked) == (Verdict.UNCHANGED, False)
    new = check_row(portfolio_row(), in_portfolio(mailbox=""))
    assert (new.verdict, new.ticked, problem_codes(new)) == (Verdict.NEW, True, [])


@pytest.mark.parametrize(("classes", "expected"), [(0, ["classes_out_of_range"]), (1, []), (100, []), (101, None)])
def test_an_impossible_class_count_is_an_error_in_a_portfolio_import(classes, expected):
    judged = check_row(portfolio_row(classes=classes), in_portfolio())
    assert problem_codes(judged) == (["classes_out_of_range"] if expected is None else expected)
    assert (judged.verdict is Verdict.ERROR) == bool(problem_codes(judged))


def test_duplicate_portfolio_rows_must_agree():
    same = judge_all([portfolio_row(number=2, email="a@b.fr"), portfolio_row(number=3, email="A@b.fr")], in_portfolio())
    assert [one.verdict for one in same] == [Verdict.NEW, Verdict.IGNORED]
    differ = judge_all([portfolio_row(number=2, classes=4), portfolio_row(number=3, classes=5)], in_portfolio())
    assert [problem_codes(one) for one in differ] == [["conflicting_duplicate"]] * 2


# The codes


def test_every_code_has_a_name_and_its_fixes():
    assert set(LABELS) == set(FIXES)
    assert set(DOUBT_CODES) | UNTICKING <= set(LABELS)
