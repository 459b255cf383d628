"""Which school each row names: the directory is asked once for all of them, and what an officer chose stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collectivities.models import SchoolInRemit
from imports.enums import How
from imports.meanings import Meaning
from schools import uai
from schools.models import School
from schools.recognition import Named, Scope, recognise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imports.reading.rows import CheckedRow
    from schools.recognition import Glance, Proposal, Recognised


class Resolved(NamedTuple):
    """The school of a row, "" where none is certain; then the likeliest, and why in `doubt`.

    A right UAI that the directory does not know (`unknown_school`) stands in `uai` with nothing in `how`: the rows that
    wait for the directory are found again by it.
    """

    uai: str
    how: str
    confidence: float | None
    proposals: tuple[Proposal, ...]
    doubt: str
    #: The right UAI that the cell holds, where that is not proof enough.
    read: str = ""


NONE = Resolved("", "", None, (), "")


def resolve_all(
    rows: Iterable[tuple[CheckedRow, Mapping[str, str]]], seen: dict[str, Glance] | None = None
) -> list[Resolved]:
    """Return the school of each row, given with the officer's corrections, in the order of the rows.

    `seen` receives what was read of the schools on the way.
    """
    rows = list(rows)
    resolved: list[Resolved] = [NONE] * len(rows)
    named = []
    for key, (row, edits) in enumerate(rows):
        if row.ignored:
            continue
        cells = {**row.cells, **edits} if edits else row.cells
        if Meaning.CHOICE in cells or edits.get(Meaning.UAI):
            chosen = uai.normalise(edits.get(Meaning.UAI) or cells[Meaning.CHOICE].split(" ")[0])
            if uai.is_valid(chosen):
                # A person said so: nothing is compared. Whether the directory knows it, the verdict says.
                resolved[key] = Resolved(chosen, How.CHOSEN.value, 1.0, (), "")
                continue
        text = cells.get
        named.append(
            Named(
                key,
                text("uai", ""),
                text("name", ""),
                text("commune", ""),
                text("postal_code", ""),
                text("departement", ""),
                text("address", ""),
                text("kind", ""),
            )
        )
    for key, found in recognise(named, scope(), seen).items():
        resolved[key] = (
            Resolved(found.uai, found.how.value if found.how else "", found.confidence, found.proposals, "")
            if found.uai
            else _doubtful(found, rows[key])
        )
    return resolved


def _doubtful(found: Recognised, asked: tuple[CheckedRow, Mapping[str, str]]) -> Resolved:
    row, edits = asked
    read = uai_in({**row.cells, **edits})
    known_as = read if found.doubt == "unknown_school" else ""
    return Resolved(known_as, "", None, found.proposals, found.doubt, read)


def uai_in(cells: Mapping[str, str]) -> str:
    """Return the right UAI that a row's cell holds, "" where it holds none."""
    read = uai.normalise(cells.get(Meaning.UAI, ""))
    return read if uai.is_valid(read) else ""


def uais_of(schools: Iterable[Resolved]) -> set[str]:
    """Return the UAI of all schools that these rows mean or speak of."""
    return {found.uai or found.read for found in schools} - {""}


def scope() -> Scope:
    """Return where rows with a name alone are searched: the remit, and its départements."""
    uais = frozenset(SchoolInRemit.objects.values_list("school_id", flat=True))
    departements = School.objects.filter(pk__in=SchoolInRemit.objects.values("school_id")).values_list(
        "departement_code", flat=True
    )
    return Scope(uais, frozenset(departements) - {""})
