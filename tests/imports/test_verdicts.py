"""What becomes of a row, given what is known of its school."""

from __future__ import annotations

import pytest

from imports.enums import Verdict
from imports.rows import CheckedRow
from imports.verdicts import SchoolFacts, Situation, judge, judge_all
from tests.imports.files import UAI

OPEN = SchoolFacts(
    label="Zola – Nîmes", closed=False, elementary=True, mailbox="ce@ac.fr", in_remit=True, contact="", held=0
)


def row(number=2, uai=UAI[0], units=3, email="", **more):
    fields = {"cells": {"uai": uai}, "repaired": False, "problems": [], "ignored": ""} | more
    return CheckedRow(number=number, uai=uai, units=units, email=email, **fields)


def situation(*, has_remit=False, for_elementary=True, **facts):
    return Situation({UAI[0]: OPEN._replace(**facts), UAI[1]: OPEN}, has_remit, for_elementary)


def codes(judged):
    return [problem.code for problem in judged.problems]


@pytest.mark.parametrize(
    ("held", "verdict", "ticked"),
    [(0, Verdict.NEW, True), (1, Verdict.CHANGED, True), (3, Verdict.UNCHANGED, False), (5, Verdict.CONFLICT, False)],
)
def test_the_file_says_what_the_school_must_have(held, verdict, ticked):
    judged = judge(row(), situation(held=held))
    assert (judged.verdict, judged.ticked, judged.units_before) == (verdict, ticked, held)


@pytest.mark.parametrize(
    ("email", "contact", "mailbox", "recipient"),
    [("a@b.fr", "c@d.fr", "e@f.fr", "a@b.fr"), ("", "c@d.fr", "e@f.fr", "c@d.fr"), ("", "", "e@f.fr", "e@f.fr")],
)
def test_the_recipient_is_the_files_else_the_remits_else_the_directorys(email, contact, mailbox, recipient):
    assert judge(row(email=email), situation(contact=contact, mailbox=mailbox)).recipient == recipient


def test_without_any_address_it_is_an_error():
    judged = judge(row(), situation(mailbox=""))
    assert (judged.verdict, codes(judged)) == (Verdict.ERROR, ["no_email"])


def test_a_school_that_is_not_in_the_directory_and_one_that_is_closed_are_errors():
    assert codes(judge(row(uai=UAI[4]), situation())) == ["unknown_school"]
    judged = judge(row(), situation(closed=True))
    assert (judged.verdict, codes(judged), judged.ticked) == (Verdict.ERROR, ["closed_school"], False)


def test_a_school_without_elementary_classes_is_warned_about_unticked_and_allowed():
    judged = judge(row(), situation(elementary=False))
    assert (judged.verdict, codes(judged), judged.ticked) == (Verdict.NEW, ["no_elementary"], False)
    assert codes(judge(row(), situation(elementary=False, for_elementary=False))) == []


def test_a_school_outside_the_remit_is_warned_about_where_there_is_one():
    assert codes(judge(row(), situation(in_remit=False, has_remit=True))) == ["outside_remit"]
    assert codes(judge(row(), situation(in_remit=False, has_remit=False))) == []


def test_the_same_school_twice_with_one_number_is_given_once():
    first, second = judge_all([(row(2), False), (row(5), False)], situation())
    assert (first.verdict, first.ticked) == (Verdict.NEW, True)
    assert (second.verdict, second.ticked, codes(second)) == (Verdict.IGNORED, False, ["duplicate"])
    assert "ligne 2" in second.problems[0].message


def test_the_same_school_twice_with_different_numbers_is_for_the_member_to_settle():
    judged = judge_all([(row(2), False), (row(5, units=4), False)], situation())
    assert [(one.verdict, codes(one)) for one in judged] == [(Verdict.ERROR, ["duplicate_differs"])] * 2
    assert "ligne 5 (4)" in judged[0].problems[0].message
    settled = judge_all([(row(2), False), (row(5, units=4), True)], situation())
    assert [one.verdict for one in settled] == [Verdict.NEW, Verdict.IGNORED]


def test_what_the_cells_said_and_what_the_directory_says_stand_together():
    judged = judge(row(repaired=True), situation(elementary=False, in_remit=False, has_remit=True))
    assert codes(judged) == ["no_elementary", "outside_remit", "repaired"]


def test_an_ignored_row_is_nothing_else():
    judged = judge(row(uai="", units=None, ignored="Ligne de total."), situation())
    assert (judged.verdict, judged.problems[0].message) == (Verdict.IGNORED, "Ligne de total.")
