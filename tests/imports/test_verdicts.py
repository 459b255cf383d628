"""Checks of each row against its school's current data."""

from __future__ import annotations

import datetime
import itertools
import time

import pytest

from imports.enums import Purpose, Verdict, Volume
from imports.problems import Problem
from imports.reading.rows import CheckedRow
from imports.resolving import Resolved
from imports.verdicts import Asked, Line, RemitFacts, SchoolFacts, Situation, gather, judge, judge_each, judging
from imports.verdicts.codes import LABELS, REMEDIES, UNTICKING, remedies_of
from imports.verdicts.finding import DOUBTS
from schools.recognition import Proposal
from tests.conftest import TERM
from tests.imports.files import UAI

OPEN = SchoolFacts(
    label="École Zola – Alès", closed=False, elementary=True, mailbox="ce@ac.fr", remit=None, held=0, redeemed_at=None
)
REMIT = RemitFacts("", "", "", None)


def judge_all(rows, situation):
    return list(judge_each(rows, situation))


def found(uai=UAI[0], how="uai", confidence=1.0):
    return Resolved(uai, how, confidence, (), "")


def doubtful(doubt, *, proposals=(), read="", uai=""):
    return Resolved(uai, "", None, tuple(proposals), doubt, read)


def asked(number=2, school=None, units=3, email="", *, sheet=0, cells=None, **more):
    decided = {name: more.pop(name) for name in ("set_aside", "awaited", "settlement", "own_units") if name in more}
    fields = {"classes": None, "contact_name": "", "phone": "", "problems": [], "ignored": ""} | more
    row = CheckedRow(sheet=sheet, number=number, cells=cells or {}, email=email, units=units, **fields)
    return Asked(row, found() if school is None else school, **decided)


def situation(*, purpose=Purpose.ATTRIBUTION, has_remit=False, volume=Volume.COLUMN, units_for_all=None, **facts):
    more = {name: facts.pop(name) for name in ("successors", "for_elementary") if name in facts}
    one = OPEN._replace(**facts)
    return Situation(
        purpose, dict.fromkeys(UAI, one), has_remit, more.get("for_elementary", True), volume, units_for_all,
        more.get("successors", {}), ("Alès", "Nîmes"),
    )  # fmt: skip


def codes(judged):
    return [problem.code for problem in judged.problems]


def said(judged, code):
    return next(problem.message for problem in judged.problems if problem.code == code)


# Volumes


@pytest.mark.parametrize(
    ("held", "verdict", "ticked"),
    [(0, Verdict.NEW, True), (1, Verdict.CHANGED, True), (3, Verdict.UNCHANGED, False), (5, Verdict.CONFLICT, False)],
)
def test_the_file_states_the_total_of_each_school(held, verdict, ticked):
    judged = judge(asked(), situation(held=held))
    assert (judged.verdict, judged.ticked, judged.units_before) == (verdict, ticked, held)


@pytest.mark.parametrize(
    ("units", "redeemed", "settlement", "code", "ticked"),
    [
        (3, None, "", "lower", False),
        (3, None, "reduce", "lower", True),
        (3, None, "revoke", "lower", True),
        (0, None, "revoke", "lower_to_none", True),
        (0, None, "reduce", "lower_to_none", False),
        (3, TERM, "reduce", "lower_redeemed", False),
        (0, TERM, "revoke", "lower_redeemed", False),
    ],
)
def test_a_lower_number_is_resolved_by_what_is_possible(units, redeemed, settlement, code, ticked):
    judged = judge(asked(units=units, settlement=settlement), situation(held=5, redeemed_at=redeemed))
    assert (judged.verdict, codes(judged), judged.ticked) == (Verdict.CONFLICT, [code], ticked)
    assert judged.asked.settlement == (settlement if ticked else "")


def test_a_resolution_is_dropped_once_there_is_no_conflict():
    judged = judge(asked(settlement="reduce"), situation(held=3))
    assert (judged.verdict, judged.asked.settlement, judged.ticked) == (Verdict.UNCHANGED, "", False)


def test_a_redeemed_key_says_since_when():
    at = datetime.datetime(2026, 9, 1, 22, 30, tzinfo=datetime.UTC)
    assert "activée depuis le 2\u00a0septembre 2026" in said(
        judge(asked(), situation(held=5, redeemed_at=at)), "lower_redeemed"
    )


def test_zero_licences_for_a_school_without_any_changes_nothing():
    judged = judge(asked(units=0), situation(mailbox=""))
    assert (judged.verdict, codes(judged)) == (Verdict.IGNORED, ["nothing_asked"])


@pytest.mark.parametrize(
    ("volume", "more", "units"),
    [
        (Volume.ALL, {"units_for_all": 7}, 7),
        (Volume.REMIT, {"remit": REMIT._replace(classes=9)}, 9),
        (Volume.CLASSES, {}, 3),
    ],
)
def test_the_volume_setting_decides_the_number(volume, more, units):
    assert judge(asked(), situation(volume=volume, **more)).units == units
    assert judge(asked(own_units=True), situation(volume=volume, **more)).units == 3


def test_a_portfolio_without_class_counts_gives_no_number():
    judged = judge(asked(), situation(volume=Volume.REMIT, remit=REMIT))
    assert (judged.verdict, codes(judged), judged.units) == (Verdict.ERROR, ["no_classes_known"], None)


def test_problems_of_the_cells_stay_with_the_row():
    fault = Problem("units", "units_invalid", "…")
    judged = judge(asked(units=None, problems=[fault]), situation(closed=True))
    assert (judged.verdict, codes(judged)) == (Verdict.ERROR, ["units_invalid", "closed_school"])


def test_an_ignored_row_gets_no_other_verdict():
    total = judge(asked(units=None, ignored="Ligne de total."), situation(closed=True))
    assert (total.verdict, codes(total), said(total, "ignored")) == (Verdict.IGNORED, ["ignored"], "Ligne de total.")
    aside = judge(asked(set_aside=True), situation(closed=True))
    assert (aside.verdict, codes(aside)) == (Verdict.IGNORED, ["set_aside"])
    waiting = judge(asked(set_aside=True, awaited=True, school=doubtful("unknown_school", uai="0010001W")), situation())
    assert "0010001W" in said(waiting, "awaited")


# The school


@pytest.mark.parametrize("doubt", DOUBTS)
def test_each_doubt_is_an_error_with_a_code_a_sentence_and_a_way_out(doubt):
    judged = judge(asked(school=doubtful(doubt), cells={"uai": "0301234", "name": "Jean Macé"}), situation())
    assert (judged.verdict, codes(judged), judged.ticked) == (Verdict.ERROR, [doubt], False)
    assert len(judged.problems[0].message) > 30
    assert remedies_of([doubt])


def test_an_uai_of_another_school_names_both():
    row = asked(
        school=doubtful("other_school", read=UAI[1], proposals=[Proposal(UAI[2], "École Macé – Nîmes", 0.9)]),
        cells={"uai": UAI[1], "name": "Jean Macé", "commune": "Nîmes"},
    )
    sentence = said(judge(row, situation()), "other_school")
    assert sentence.startswith(
        f"L'UAI {UAI[1]} est celui de « École Zola – Alès », et la ligne dit « Jean Macé » à Nîmes"
    )
    assert "parmi les propositions" in sentence


@pytest.mark.parametrize(("count", "begins"), [(1, "Une seule école"), (2, "Plusieurs écoles")])
def test_a_doubt_between_schools_says_how_many_there_are(count, begins):
    proposals = [Proposal(UAI[n], "École Macé – Nîmes", 0.7) for n in range(count)]
    row = asked(school=doubtful("several_schools", proposals=proposals), cells={"name": "Macé", "commune": "Nîmes"})
    sentence = judge(row, situation()).problems[0].message
    assert sentence.startswith(begins)
    assert "« Macé » à Nîmes" in sentence


def test_a_school_that_the_directory_does_not_know_can_be_awaited():
    for school in (doubtful("unknown_school", uai="0010001W"), found("0010001W", "chosen")):
        judged = judge(asked(school=school), situation())
        assert (judged.verdict, codes(judged)) == (Verdict.ERROR, ["unknown_school"])
        assert "0010001W" in judged.problems[0].message
    assert remedies_of(["unknown_school"])[:2] == ["await", "choose"]
    likely = doubtful("unknown_school", uai="0010001W", proposals=[Proposal(UAI[1], "École Macé – Nîmes", 0.9)])
    assert "choisissez une école proposée" in judge(asked(school=likely), situation()).problems[0].message


@pytest.mark.parametrize(("how", "code"), [("repaired", "repaired"), ("name", "by_name"), ("chosen", None)])
def test_a_school_that_was_not_found_by_its_uai_says_how_and_how_surely(how, code):
    judged = judge(
        asked(school=found(how=how, confidence=0.979), cells={"uai": "301234D", "name": "Zola"}), situation()
    )
    assert (judged.verdict, judged.ticked) == (Verdict.NEW, True)
    assert codes(judged) == ([code] if code else [])
    if code:
        assert "97\u00a0%" in said(judged, code)


def test_a_closed_school_is_an_error_and_its_successor_proposed():
    alone = judge(asked(), situation(closed=True))
    assert (alone.verdict, codes(alone)) == (Verdict.ERROR, ["closed_school"])
    heir = Proposal(UAI[1], "École Zola-Neuve – Alès", 0.8)
    replaced = judge(asked(), situation(closed=True, successors={UAI[0]: heir}))
    assert replaced.asked.school.proposals == (heir,)
    assert UAI[1] in said(replaced, "closed_school")


def test_a_school_without_elementary_classes_is_warned_about_unticked_and_allowed():
    judged = judge(asked(), situation(elementary=False))
    assert (judged.verdict, codes(judged), judged.ticked) == (Verdict.NEW, ["no_elementary"], False)
    assert codes(judge(asked(), situation(elementary=False, for_elementary=False))) == []


def test_a_school_outside_the_portfolio_is_a_warning_when_there_is_one():
    outside = judge(asked(), situation(has_remit=True))
    assert (codes(outside), outside.ticked) == (["outside_remit"], True)
    assert codes(judge(asked(), situation(has_remit=False))) == []
    assert codes(judge(asked(), situation(has_remit=True, remit=REMIT))) == []


# The same school twice


def test_the_same_school_twice_with_one_number_is_allocated_once():
    first, second = judge_all([asked(2), asked(5, email="CE@ac.fr")], situation())
    assert (first.verdict, first.ticked) == (Verdict.NEW, True)
    assert (second.verdict, second.ticked, codes(second)) == (Verdict.IGNORED, False, ["duplicate"])
    assert "ligne\u00a02." in second.problems[0].message
    assert "L'adresse CE@ac.fr de cette ligne ne sert donc pas" in second.problems[0].message


def test_rows_of_other_sheets_are_named_with_their_sheet():
    judged = judge_all([asked(2), asked(2, sheet=1)], situation())
    assert "ligne\u00a02 de la feuille « Alès »" in judged[1].problems[0].message


def test_the_same_school_twice_with_different_numbers_is_for_the_member_to_resolve():
    judged = judge_all([asked(2), asked(5, units=4)], situation())
    assert [(one.verdict, codes(one)) for one in judged] == [(Verdict.ERROR, ["duplicate_differs"])] * 2
    assert "ligne\u00a05 (4)" in judged[0].problems[0].message
    assert "ligne\u00a02 (3)" in judged[1].problems[0].message
    settled = judge_all([asked(2), asked(5, units=4, set_aside=True)], situation())
    assert [one.verdict for one in settled] == [Verdict.NEW, Verdict.IGNORED]


def test_one_number_for_all_is_no_contradiction():
    judged = judge_all([asked(2), asked(5, units=4)], situation(volume=Volume.ALL, units_for_all=1))
    assert [one.verdict for one in judged] == [Verdict.NEW, Verdict.IGNORED]


# The e-mail address


@pytest.mark.parametrize(
    ("email", "contact", "mailbox", "recipient"),
    [("a@b.fr", "c@d.fr", "e@f.fr", "a@b.fr"), ("", "c@d.fr", "e@f.fr", "c@d.fr"), ("", "", "e@f.fr", "e@f.fr")],
)
def test_the_recipient_comes_from_the_file_then_the_portfolio_then_the_directory(email, contact, mailbox, recipient):
    remit = REMIT._replace(contact_email=contact)
    assert judge(asked(email=email), situation(remit=remit, mailbox=mailbox)).recipient == recipient


def test_a_missing_email_address_is_one_error():
    judged = judge(asked(), situation(mailbox=""))
    assert (judged.verdict, codes(judged)) == (Verdict.ERROR, ["no_email"])
    malformed = judge(asked(problems=[Problem("email", "email_invalid", "…")]), situation(mailbox=""))
    assert codes(malformed) == ["email_invalid"]


@pytest.mark.parametrize(
    ("email", "expected"),
    [("a@b.fr", ["email_elsewhere"]), ("CE@ac.fr", []), ("c@d.fr", [])],
)
def test_an_unknown_email_address_is_flagged(email, expected):
    judged = judge(asked(email=email), situation(remit=REMIT._replace(contact_email="C@d.fr")))
    assert (codes(judged), judged.ticked) == (expected, True)
    assert codes(judge(asked(email=email), situation(mailbox=""))) == []


def test_an_email_address_shared_by_schools_is_reported_with_its_rows():
    rows = [asked(n, found(UAI[n]), email="mairie@ville.fr" if n else "") for n in range(4)]
    judged = judge_all(rows, situation(mailbox="mairie@ville.fr"))
    assert [codes(one) for one in judged] == [[], *[["email_shared"]] * 3]
    assert "3\u00a0écoles du tableau (voir aussi ligne\u00a02 et ligne\u00a03)" in judged[1].problems[0].message
    same_school = judge_all([asked(2, email="ce@ac.fr"), asked(3, email="ce@ac.fr")], situation())
    assert [codes(one) for one in same_school] == [[], ["duplicate"]]


@pytest.mark.parametrize("same", ["email", "school", "sum"])
def test_cross_row_checks_take_one_pass(same):
    # A quadratic comparison took minutes.
    digits = [f"{number:07d}" for number in range(1, 10_001)]
    symbols = "ABCDEFGHJKLMNPRSTUVWXYZ"
    uais = [one + symbols[int(one) % 23] if same != "school" else UAI[0] for one in digits]
    rows = [
        asked(
            number,
            found(uai),
            units=number % 7 + (40 if same == "sum" and number % 3 == 0 else 1),
            email="mairie@ville.fr" if same == "email" else "",
        )
        for number, uai in enumerate(uais)
    ]
    facts = dict.fromkeys(uais, OPEN)
    started = time.process_time()
    judged = judge_all(rows, Situation(Purpose.ATTRIBUTION, facts, False, True, Volume.COLUMN, None))
    assert time.process_time() - started < 5
    if same == "email":
        assert "est celle de plus de 100\u00a0écoles du tableau : vérifiez" in judged[9].problems[0].message
    assert codes(judged[9]) == {
        "email": ["email_shared", "email_elsewhere"], "school": ["duplicate_differs"], "sum": [],
    }[same]  # fmt: skip


# Plausibility


def test_more_licences_than_known_classes_are_warned_about_and_unticked():
    from_file = judge(asked(units=6, classes=5), situation(remit=REMIT._replace(classes=9)))
    assert (codes(from_file), from_file.ticked, from_file.verdict) == (["more_than_classes"], False, Verdict.NEW)
    assert "le tableau" in from_file.problems[0].message
    assert codes(judge(asked(units=6), situation(remit=REMIT._replace(classes=5)))) == ["more_than_classes"]
    assert codes(judge(asked(units=5), situation(remit=REMIT._replace(classes=5)))) == []
    assert codes(judge(asked(units=500), situation(remit=REMIT))) == []


def group(*units, ignored=(), communes=None):
    rows = []
    for index, number in enumerate(units):
        digits = f"{index + 1:07d}"
        commune = communes[index] if communes else ""
        rows.append(
            asked(
                index + 2,
                found(digits + "ABCDEFGHJKLMNPRSTUVWXYZ"[int(digits) % 23]),
                None if index in ignored else number,
                cells={"commune": commune},
                ignored="Ligne de total." if index in ignored else "",
            )
        )
    facts = dict.fromkeys((row.school.uai for row in rows), OPEN)
    judged = judge_all(rows, Situation(Purpose.ATTRIBUTION, facts, False, True, Volume.COLUMN, None))
    return [(row.asked.row.number, codes(row)) for row in judged if codes(row) and codes(row) != ["ignored"]]


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
    assert group(*units, **more) == [(number, ["looks_like_sum"]) for number in expected]


def test_a_number_far_beyond_the_others_is_warned_about():
    assert group(3, 3, 4, 2, 61) == [(6, ["huge"])]
    assert group(3, 3, 4, 2, 60) == []
    assert group(4, 4, 4, 4, 80) == []
    assert {"huge", "looks_like_sum"} <= UNTICKING


def test_the_fast_path_gives_the_same_verdict_as_the_full_check():
    fast_results = 0
    cases = itertools.product(
        (0, 1, 3, 61, None), (None, 3), ("", "ce@ac.fr", "a@b.fr"), ("uai", "repaired", "chosen"),
        (None, REMIT, REMIT._replace(contact_email="c@d.fr", classes=2)), (0, 3, 5), ("", "ce@ac.fr"),
        ({}, {"closed": True}, {"elementary": False}, {"has_remit": True}, {"volume": Volume.REMIT}),
    )  # fmt: skip
    together = gather([Line(0, n, UAI[1], "", 3, 3, "", counted=True) for n in range(9)])
    for units, classes, email, how, remit, held, mailbox, more in cases:
        row = asked(units=units, classes=classes, email=email, school=found(how=how))
        facts = situation(remit=remit, held=held, mailbox=mailbox, **more)
        fast = judging.at_a_glance(row, facts, together)
        if fast is not None:
            fast_results += 1
            assert fast == judge(row, facts, together)
    assert fast_results > 100


# The portfolio


def remit_row(**more):
    return asked(units=None, **more)


def in_remit(**facts):
    return situation(purpose=Purpose.REMIT, for_elementary=False, has_remit=True, volume=None, **facts)


def test_a_portfolio_row_lists_its_changes_field_by_field():
    before = RemitFacts("Mme Roy", "a@b.fr", "", 5)
    judged = judge(remit_row(email="c@d.fr", classes=6, phone="0466000000"), in_remit(remit=before))
    assert (judged.verdict, judged.ticked, judged.before) == (Verdict.CHANGED, True, before._asdict())
    assert said(judged, "changes") == "Contact : a@b.fr → c@d.fr ; téléphone : 0466000000 ; classes : 5 → 6."


def test_an_empty_cell_changes_no_portfolio_field_and_an_unknown_school_is_new():
    unchanged = judge(remit_row(), in_remit(remit=RemitFacts("Mme Roy", "a@b.fr", "", 5)))
    assert (unchanged.verdict, unchanged.ticked) == (Verdict.UNCHANGED, False)
    new = judge(remit_row(), in_remit(mailbox=""))
    assert (new.verdict, new.ticked, codes(new)) == (Verdict.NEW, True, [])


@pytest.mark.parametrize(("classes", "expected"), [(0, ["classes_out_of_range"]), (1, []), (100, []), (101, None)])
def test_an_impossible_class_count_is_an_error_in_a_portfolio_import(classes, expected):
    judged = judge(remit_row(classes=classes), in_remit())
    assert codes(judged) == (["classes_out_of_range"] if expected is None else expected)
    assert (judged.verdict is Verdict.ERROR) == bool(codes(judged))


def test_duplicate_portfolio_rows_must_agree():
    same = judge_all([remit_row(number=2, email="a@b.fr"), remit_row(number=3, email="A@b.fr")], in_remit())
    assert [one.verdict for one in same] == [Verdict.NEW, Verdict.IGNORED]
    differ = judge_all([remit_row(number=2, classes=4), remit_row(number=3, classes=5)], in_remit())
    assert [codes(one) for one in differ] == [["duplicate_differs"]] * 2


# The codes


def test_every_code_has_a_name_and_its_fixes():
    assert set(LABELS) == set(REMEDIES)
    assert set(DOUBTS) | UNTICKING <= set(LABELS)
