"""Rows, schools and contexts as the checks of imports read them, and what a test asks of the verdicts."""

from collectivities.operations.portfolio import SchoolContact
from imports.checks.context import CheckContext, CheckRequest, SchoolFacts
from imports.checks.row_checks import check_rows
from imports.checks.school_resolution import ResolvedSchool
from imports.enums import Purpose, Volume
from imports.parsing.rows import ParsedRow
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
PORTFOLIO = SchoolContact("", "", "", None)


def judge_all(rows, situation):
    return list(check_rows(lambda: rows, situation))


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
