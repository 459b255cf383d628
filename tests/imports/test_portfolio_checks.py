"""Checks of the rows of an import into the portfolio."""

import pytest

from collectivities.operations.portfolio import SchoolContact
from imports.checks.row_checks import check_row
from imports.enums import Purpose, Verdict
from tests.imports.check_requests import (
    build_context,
    build_request,
    judge_all,
    problem_codes,
    problem_message,
)


def portfolio_row(**more):
    return build_request(units=None, **more)


def in_portfolio(**facts):
    return build_context(purpose=Purpose.PORTFOLIO, for_elementary=False, has_portfolio=True, volume=None, **facts)


def test_a_portfolio_row_lists_its_changes_field_by_field():
    before = SchoolContact("Mme Roy", "a@b.fr", "", 5)
    judged = check_row(portfolio_row(email="c@d.fr", classes=6, phone="0466000000"), in_portfolio(portfolio=before))
    assert (judged.verdict, judged.ticked, judged.before) == (Verdict.CHANGED, True, before._asdict())
    assert problem_message(judged, "changes") == "Contact : a@b.fr → c@d.fr ; téléphone : 0466000000 ; classes : 5 → 6."


def test_an_empty_cell_changes_no_portfolio_field_and_an_unknown_school_is_new():
    unchanged = check_row(portfolio_row(), in_portfolio(portfolio=SchoolContact("Mme Roy", "a@b.fr", "", 5)))
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
