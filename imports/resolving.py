"""Which school each row names: the directory is asked once for all of them, and what an officer chose stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collectivities.models import SchoolInRemit
from imports.enums import How
from imports.meanings import Meaning
from schools import uai
from schools.models import School
from schools.recognition import Named, Proposal, Scope, recognise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imports.rows import CheckedRow


class Resolved(NamedTuple):
    """The school of a row, "" where none is certain; then the likeliest, and why in `doubt`."""

    uai: str
    how: str
    confidence: float | None
    proposals: tuple[Proposal, ...]
    doubt: str


NONE = Resolved("", "", None, (), "")


def resolve_all(rows: Iterable[tuple[CheckedRow, Mapping[str, str]]]) -> list[Resolved]:
    """Return the school of each row, given with the officer's corrections, in the order of the rows."""
    rows = list(rows)
    resolved: list[Resolved] = [NONE] * len(rows)
    named = []
    for key, (row, edits) in enumerate(rows):
        if row.ignored:
            continue
        chosen = uai.normalise(edits.get(Meaning.UAI, "") or row.cells.get(Meaning.CHOICE, "").split(" ")[0])
        if uai.is_valid(chosen):
            # A person said so: nothing is compared. Whether the directory knows it, the verdict says.
            resolved[key] = Resolved(chosen, How.CHOSEN, 1.0, (), "")
            continue
        cells = {**row.cells, **edits}
        named.append(
            Named(
                key,
                cells.get(Meaning.UAI, ""),
                cells.get(Meaning.NAME, ""),
                cells.get(Meaning.COMMUNE, ""),
                cells.get(Meaning.POSTAL_CODE, ""),
                cells.get(Meaning.DEPARTEMENT, ""),
                cells.get(Meaning.ADDRESS, ""),
                cells.get(Meaning.KIND, ""),
            )
        )
    for key, found in recognise(named, scope()).items():
        resolved[key] = Resolved(
            found.uai, str(found.how or ""), found.confidence if found.uai else None, found.proposals, found.doubt
        )
    return resolved


def scope() -> Scope:
    """Return where rows with a name alone are searched: the remit, and its départements."""
    uais = frozenset(SchoolInRemit.objects.values_list("school_id", flat=True))
    departements = School.objects.filter(pk__in=SchoolInRemit.objects.values("school_id")).values_list(
        "departement_code", flat=True
    )
    return Scope(uais, frozenset(departements) - {""})
