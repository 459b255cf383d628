"""What the command says in JSON about an import: one object, whose shape programs rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imports.enums import ImportState, Verdict
from imports.meanings import Meaning
from imports.models import ImportRow

if TYPE_CHECKING:
    from imports.models import Import


def report(table: Import) -> dict[str, Any]:
    """Return the sheet, the columns, each resolved row, each problem, and how many allocations were applied."""
    layout = table.layout
    titles = layout.get("titles", [])
    rows = list(ImportRow.objects.filter(import_id=table.pk).order_by("sheet", "number"))
    sheet = layout.get("sheet", "")
    names = layout.get("sheets", [])
    verdicts = dict.fromkeys(Verdict.values, 0)
    for row in rows:
        verdicts[row.verdict] += 1
    outcome = table.outcome
    return {
        "sheet": sheet,
        "sheets": [names[region["sheet"]] for region in layout.get("read", [])],
        "header_row": layout.get("header_row"),
        "columns": {meaning: titles[index] for meaning, index in layout.get("columns", {}).items()},
        "rows": len(rows),
        "verdicts": verdicts,
        "resolved": [
            {
                "sheet": names[row.sheet],
                "row": row.number,
                "uai": row.uai,
                "how": row.how,
                "confidence": row.confidence,
                "quantity": row.units,
            }
            for row in rows
            if row.uai and "unknown_school" not in row.codes
        ],
        "problems": [
            {
                "sheet": sheet,
                "row": None,
                "column": question["column"],
                "code": question["code"],
                "message": question["message"],
                "proposals": [],
            }
            for question in layout.get("questions", [])
        ]
        + [
            {
                "sheet": names[row.sheet],
                "row": row.number,
                "column": problem["column"],
                "code": problem["code"],
                "message": problem["message"],
                "proposals": row.proposals if problem["column"] == Meaning.UAI else [],
            }
            for row in rows
            for problem in row.problems
        ],
        "applied": outcome.get("allocations", 0) + outcome.get("grown", 0),
        "licences": outcome.get("units", 0),
        "messages": outcome.get("messages", 0),
        "import": table.pk,
        "state": table.state,
        "refusal": table.refusal if table.state != ImportState.APPLIED else "",
    }
