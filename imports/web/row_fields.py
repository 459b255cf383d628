"""The fields of « Corriger »: what they show of a row, and what is wrong with what was typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from imports.enums import Purpose
from imports.meanings import EDITABLE_COLUMNS, LABELS, Meaning, Problem
from imports.models import ImportRow
from imports.parsing.emails import parse_email
from imports.parsing.quantities import parse_class_count, parse_quantity
from schools import uai

#: Fields with a numeric keyboard.
NUMERIC_COLUMNS = (Meaning.UNITS, Meaning.CLASSES)


class RowField(NamedTuple):
    """A field of the editing form: its value, where that comes from, and what is wrong with it."""

    name: str
    label: str
    value: str
    numeric: bool
    hint: str
    fault: str


def build_fields(
    purpose: Purpose, row: ImportRow, typed: Mapping[str, str], faults: Mapping[str, str]
) -> list[RowField]:
    """Return the fields of a row. `typed`: values that were sent and not kept; `faults`: by name of the field."""
    values = {**row.initial_values, **typed}
    return [
        RowField(
            meaning.value,
            LABELS[meaning],
            values.get(meaning.value, ""),
            meaning in NUMERIC_COLUMNS,
            "Adresse connue de l'école." if meaning is Meaning.EMAIL and _is_known_address(row, values) else "",
            faults.get(meaning.value, ""),
        )
        for meaning in EDITABLE_COLUMNS[purpose]
    ]


def _is_known_address(row: ImportRow, values: Mapping[str, str]) -> bool:
    """Return whether the address shown is not the row's own: that of the portfolio or of the directory."""
    return row.recipient not in ("", row.email) and values.get(Meaning.EMAIL.value) == row.recipient


def find_faults(typed: Mapping[str, str]) -> dict[str, str]:
    """Return the French sentence about each value that no row could have, by name of the field."""
    return {name: fault for name, text in typed.items() if (fault := _find_fault(Meaning(name), text))}


def _find_fault(meaning: Meaning, text: str) -> str:
    if meaning is Meaning.UAI:
        # Without UAI, the school is found by its name.
        fault = uai.describe_error(text) if text.strip() else ""
        return f"{fault} Vous pouvez aussi chercher l'école par son nom, ci-dessous." if fault else ""
    parsed = {
        Meaning.UNITS: parse_quantity,
        Meaning.CLASSES: parse_class_count,
        Meaning.EMAIL: parse_email,
    }.get(meaning, str)(text)
    return parsed.message if isinstance(parsed, Problem) else ""
