"""Checks of portfolio rows, field by field. An empty cell changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from collectivities.operations.portfolio import MAX_CLASSES
from core import formatting
from imports.checks.context import PortfolioFacts
from imports.enums import Verdict
from imports.meanings import Problem
from imports.parsing.rows import ParsedRow

_FIELDS = {
    "contact_name": "nom du contact",
    "contact_email": "contact",
    "contact_phone": "téléphone",
    "classes": "classes",
}


def get_stated_fields(row: ParsedRow) -> dict[str, Any]:
    """Return the non-empty portfolio fields of a row."""
    fields = {
        "contact_name": row.contact_name,
        "contact_email": row.email,
        "contact_phone": row.phone,
        "classes": row.classes,
    }
    return {field: value for field, value in fields.items() if value not in ("", None)}


def check_class_count(row: ParsedRow) -> list[Problem]:
    """Return the problem of a number of classes out of range."""
    if row.classes is None or 1 <= row.classes <= MAX_CLASSES:
        return []
    return [
        Problem(
            "classes",
            "classes_out_of_range",
            f"Une école a de 1 à {MAX_CLASSES} classes : corrigez ce nombre, ou videz la case pour ne rien changer.",
        )
    ]


def compare_entry(
    row: ParsedRow, before: PortfolioFacts | None, problems: Iterable[Problem]
) -> tuple[Verdict, list[Problem]]:
    """Return the verdict of a portfolio row, and its changes in words."""
    if any(problem.blocking for problem in problems):
        return Verdict.ERROR, []
    if before is None:
        return Verdict.NEW, []
    previous = before._asdict()
    changes = [
        f"{_FIELDS[field]} : {previous[field]} → {value}"
        if previous[field] not in ("", None)
        else f"{_FIELDS[field]} : {value}"
        for field, value in get_stated_fields(row).items()
        if previous[field] != value
    ]
    if not changes:
        return Verdict.UNCHANGED, []
    description = " ; ".join(changes)
    return Verdict.CHANGED, [Problem("", "changes", f"{formatting.start_sentence(description)}.", blocking=False)]
