"""What the command says in JSON about an import: one object, whose shape programs rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imports.enums import How, ImportState, Purpose, Verdict
from imports.models import ImportRow
from imports.verdicts.finding import DOUBTS

if TYPE_CHECKING:
    from imports.models import Import

#: Problems that the row's proposals answer.
_ANSWERED_BY_PROPOSALS = frozenset({*DOUBTS, "closed_school"})
#: How a row's school was found, in the command's words. A school chosen in a column of ours is named by its UAI.
_HOW: dict[str, str] = {How.UAI: "uai", How.REPAIRED: "repaired", How.NAME: "name", How.CHOSEN: "uai"}


def blank() -> dict[str, Any]:
    """Return the object of a file that was not read."""
    return {
        "sheet": "",
        "sheets": [],
        "header_row": None,
        "columns": {},
        "rows": 0,
        "verdicts": dict.fromkeys(Verdict.values, 0),
        "resolved": [],
        "problems": [],
        "applied": 0,
        "licences": 0,
        "messages": 0,
        "import": None,
        "state": "",
        "refusal": "",
        "code": "",
    }


def refused(code: str, sentence: str) -> dict[str, Any]:
    """Return the object of a file that was refused before it was looked at."""
    return blank() | {"refusal": sentence, "code": code}


def report(table: Import) -> dict[str, Any]:
    """Return the sheet, the columns, each row whose school was found, each problem, and what was applied."""
    layout = table.layout
    titles = layout.get("titles", [])
    names = layout.get("sheets", [])
    of_remit = table.purpose == Purpose.REMIT
    verdicts = dict.fromkeys(Verdict.values, 0)
    resolved: list[dict[str, Any]] = []
    problems = [_problem(layout.get("sheet", ""), None, question, []) for question in layout.get("questions", [])]
    rows = (
        ImportRow.objects.filter(import_id=table.pk)
        .order_by("sheet", "number")
        .values_list(
            "sheet",
            "number",
            "verdict",
            "uai",
            "how",
            "confidence",
            "units",
            "codes",
            "problems",
            "proposals",
            "classes",
        )
    )
    for sheet, number, verdict, uai, how, confidence, units, codes, told, proposals, classes in rows:
        verdicts[verdict] += 1
        if how and "unknown_school" not in codes:
            resolved.append(
                {
                    "sheet": names[sheet],
                    "row": number,
                    "uai": uai,
                    "how": _HOW[how],
                    "confidence": confidence,
                    "quantity": classes if of_remit else units,
                }
            )
        problems += [_problem(names[sheet], number, problem, proposals) for problem in told]
    outcome = table.outcome
    done = ("allocations", "grown", "reduced", "revoked", "added", "updated")
    return blank() | {
        "sheet": layout.get("sheet", ""),
        "sheets": [names[region["sheet"]] for region in layout.get("read", [])],
        "header_row": layout.get("header_row"),
        "columns": {meaning: titles[index] for meaning, index in layout.get("columns", {}).items()},
        "rows": sum(verdicts.values()),
        "verdicts": verdicts,
        "resolved": resolved,
        "problems": problems,
        "applied": sum(outcome.get(what, 0) for what in done),
        "licences": outcome.get("units", 0),
        "messages": outcome.get("messages", 0),
        "import": table.pk,
        "state": table.state,
        "refusal": table.refusal if table.state != ImportState.APPLIED else "",
        "code": layout.get("refused", "") if table.state != ImportState.APPLIED else "",
    }


def _problem(sheet: str, row: int | None, problem: dict[str, Any], proposals: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "sheet": sheet,
        "row": row,
        "column": problem["column"],
        "code": problem["code"],
        "message": problem["message"],
        "proposals": proposals if problem["code"] in _ANSWERED_BY_PROPOSALS else [],
    }
