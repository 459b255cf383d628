"""JSON report of the command `import_spreadsheet`. Its structure is a public contract."""

from typing import Any

from imports.checks.school_checks import DOUBT_CODES
from imports.enums import ImportState, Purpose, RowMatchMethod, Verdict
from imports.models import ImportRow, SpreadsheetImport

#: Codes of problems that are reported with the row's proposals.
_PROPOSAL_CODES = frozenset({*DOUBT_CODES, "school_closed"})
#: Values of `match_method` in the report. A school chosen in the added column is identified by its UAI.
_MATCH_METHODS: dict[str, str] = {
    RowMatchMethod.UAI: "uai",
    RowMatchMethod.REPAIRED: "repaired",
    RowMatchMethod.NAME: "name",
    RowMatchMethod.CHOSEN: "uai",
}


def build_empty_report() -> dict[str, Any]:
    """Return the report of a file that was not parsed."""
    return {
        "sheet": "",
        "sheets": [],
        "header_row": None,
        "columns": {},
        "rows": 0,
        "verdicts": dict.fromkeys(Verdict.values, 0),
        "resolved": [],
        "problems": [],
        "questions": [],
        "applied": 0,
        "licences": 0,
        "messages": 0,
        "import": None,
        "state": "",
        "refusal": "",
        "code": "",
    }


def build_rejected_report(code: str, sentence: str) -> dict[str, Any]:
    """Return the report of a file that was rejected before parsing."""
    return build_empty_report() | {"refusal": sentence, "code": code}


def build_report(spreadsheet_import: SpreadsheetImport) -> dict[str, Any]:
    """Return the report of an import: layout, matched schools, problems, and what was applied."""
    layout = spreadsheet_import.layout
    titles, names = layout.titles, layout.sheets
    is_portfolio = spreadsheet_import.purpose == Purpose.PORTFOLIO
    verdicts = dict.fromkeys(Verdict.values, 0)
    resolved: list[dict[str, Any]] = []
    problems = [_problem(layout.sheet, None, question.as_json(), []) for question in layout.questions]
    rows = (
        ImportRow.objects.filter(import_id=spreadsheet_import.pk)
        .order_by("sheet", "number")
        .values_list(
            "sheet",
            "number",
            "verdict",
            "uai",
            "match_method",
            "confidence",
            "units",
            "codes",
            "problems",
            "proposals",
            "classes",
        )
    )
    for sheet, number, verdict, uai, match_method, confidence, units, codes, row_problems, proposals, classes in rows:
        verdicts[verdict] += 1
        if match_method and "unknown_school" not in codes:
            resolved.append(
                {
                    "sheet": names[sheet],
                    "row": number,
                    "uai": uai,
                    "match_method": _MATCH_METHODS[match_method],
                    "confidence": confidence,
                    "quantity": classes if is_portfolio else units,
                }
            )
        problems += [_problem(names[sheet], number, problem, proposals) for problem in row_problems]
    outcome = spreadsheet_import.outcome
    effects = ("allocations", "grown", "reduced", "revoked", "added", "updated")
    return build_empty_report() | {
        "sheet": layout.sheet,
        "sheets": layout.parsed_sheets,
        "header_row": layout.header_row,
        "columns": {meaning.value: titles[index] for meaning, index in layout.columns.items()},
        "rows": sum(verdicts.values()),
        "verdicts": verdicts,
        "resolved": resolved,
        "problems": problems,
        "questions": [question.as_json() for question in layout.questions],
        "applied": sum(outcome.get(effect, 0) for effect in effects),
        "licences": outcome.get("units", 0),
        "messages": outcome.get("messages", 0),
        "import": spreadsheet_import.pk,
        "state": spreadsheet_import.state,
        "refusal": spreadsheet_import.refusal if spreadsheet_import.state != ImportState.APPLIED else "",
        "code": layout.error_code if spreadsheet_import.state != ImportState.APPLIED else "",
    }


def _problem(sheet: str, row: int | None, problem: dict[str, Any], proposals: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "sheet": sheet,
        "row": row,
        "column": problem["column"],
        "code": problem["code"],
        "message": problem["message"],
        "proposals": proposals if problem["code"] in _PROPOSAL_CODES else [],
    }
