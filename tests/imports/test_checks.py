"""Checks of each row against its school's current data."""

import datetime

import pytest

from imports.checks.problem_codes import FIXES, UNTICKING, list_fixes
from imports.checks.row_checks import check_row
from imports.checks.school_checks import DOUBT_CODES
from imports.enums import Verdict, Volume
from imports.problems import Problem
from schools.recognition import SURE, Proposal
from tests.conftest import TERM
from tests.imports.check_requests import (
    PORTFOLIO,
    build_context,
    build_request,
    doubtful_school,
    matched_school,
    problem_codes,
    problem_message,
)
from tests.imports.sample_files import UNUSED_UAIS

# The school


@pytest.mark.parametrize(("confidence", "codes"), [(SURE, ["named_differently"]), (0.97, []), (1.0, [])])
def test_a_name_that_differs_from_that_of_the_uai_is_noted(confidence, codes):
    request = build_request(school=matched_school(confidence=confidence))
    assert problem_codes(check_row(request, build_context())) == codes


@pytest.mark.parametrize("doubt", ["uai_invalid", "uncertain_repair"])
def test_the_message_names_what_is_wrong_with_a_uai(doubt):
    request = build_request(school=doubtful_school(doubt), cells={"uai": "0300123"})
    [problem] = check_row(request, build_context()).problems
    assert problem.message.startswith("Il manque à l'UAI « 0300123 » sa dernière lettre.")


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


def test_a_misspelt_name_is_called_close_to_those_of_several_schools():
    proposals = [Proposal(UNUSED_UAIS[n], "École Joséphine Baker – Nîmes", 0.7) for n in range(2)]
    cells = {"name": "Joséphine Backer", "commune": "Nîmes"}
    row = build_request(school=doubtful_school("ambiguous_school", proposals=proposals), cells=cells)
    sentence = check_row(row, build_context()).problems[0].message
    assert sentence.startswith("Aucune école de l'annuaire ne s'appelle « Joséphine Backer »")
    assert "plusieurs ont un nom proche" in sentence


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


# The codes


def test_every_code_has_its_fixes():
    assert set(DOUBT_CODES) | UNTICKING <= set(FIXES)
