"""From the rows of a list to the schools they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schools import uai
from schools.models import School
from schools.recognition.answers import How, Named, Recognised, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence


def recognise(rows: Sequence[Named], scope: Scope) -> dict[int, Recognised]:  # noqa: ARG001 - names are not looked up yet
    """Return for each row, by its key, the school that it means, or a doubt and proposals."""
    codes = {row.key: uai.normalise(row.uai) for row in rows}
    valid = {code for code in codes.values() if uai.is_valid(code)}
    known = set(School.objects.filter(pk__in=valid).values_list("pk", flat=True))
    return {key: _by_uai(code, known) for key, code in codes.items()}


def _by_uai(code: str, known: set[str]) -> Recognised:
    if code in known:
        return Recognised(code, How.UAI, 1.0, (), "")
    if not code:
        return Recognised("", None, 0.0, (), "uai_missing")
    return Recognised("", None, 0.0, (), "unknown_school" if uai.is_valid(code) else "uai_invalid")
