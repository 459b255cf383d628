"""Resolve the school of each row, and the column of UAI in doubt, by one search of the directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from collectivities.models import PortfolioSchool
from imports.enums import RowMatchMethod
from imports.meanings import Meaning
from imports.parsing.rows import ParsedRow
from schools import uai
from schools.models import School
from schools.recognition.candidates import SchoolSummary
from schools.recognition.pipeline import recognise
from schools.recognition.results import Proposal, RecognitionResult, SchoolReference, SearchScope


class ResolvedSchool(NamedTuple):
    """The school of a row, "" if none is certain, with the proposals and the reason in `doubt`.

    A valid UAI that the directory does not know (`unknown_school`) is kept in `uai`, with an empty match method:
    awaited rows are looked up by it.
    """

    uai: str
    match_method: str
    confidence: float | None
    proposals: tuple[Proposal, ...]
    doubt: str
    #: A valid UAI in the cell that is not sufficient evidence.
    read: str = ""

    @property
    def proposals_as_json(self) -> list[dict[str, Any]]:
        """Return the proposals as they are stored."""
        return [proposal._asdict() for proposal in self.proposals]


UNRESOLVED = ResolvedSchool("", "", None, (), "")


def resolve_schools(
    rows: Iterable[tuple[ParsedRow, Mapping[str, str]]], summaries_by_uai: dict[str, SchoolSummary] | None = None
) -> list[ResolvedSchool]:
    """Return the school of each row, in order. `rows`: rows with their edits.

    `summaries_by_uai` is filled with the directory data read on the way.
    """
    rows = list(rows)
    resolved: list[ResolvedSchool] = [UNRESOLVED] * len(rows)
    named = []
    for key, (row, edits) in enumerate(rows):
        if row.ignored:
            continue
        cells = {**row.cells, **edits} if edits else row.cells
        if Meaning.CHOICE in cells or edits.get(Meaning.UAI):
            chosen = uai.normalise(edits.get(Meaning.UAI) or cells[Meaning.CHOICE].split(" ")[0])
            if uai.is_valid(chosen):
                # Chosen by a person: not compared with other cells. The directory is checked later.
                resolved[key] = ResolvedSchool(chosen, RowMatchMethod.CHOSEN.value, 1.0, (), "")
                continue
        text = cells.get
        named.append(
            SchoolReference(
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
    for key, found in recognise(named, get_search_scope(), summaries_by_uai).items():
        resolved[key] = (
            ResolvedSchool(
                found.uai, found.match_method.value if found.match_method else "", found.confidence, found.proposals, ""
            )
            if found.uai
            else _unresolved(found, rows[key])
        )
    return resolved


def _unresolved(found: RecognitionResult, row_and_edits: tuple[ParsedRow, Mapping[str, str]]) -> ResolvedSchool:
    row, edits = row_and_edits
    read = find_valid_uai({**row.cells, **edits})
    known_as = read if found.doubt_code == "unknown_school" else ""
    return ResolvedSchool(known_as, "", None, found.proposals, found.doubt_code, read)


def find_valid_uai(cells: Mapping[str, str]) -> str:
    """Return the valid UAI in these cells, "" if there is none."""
    read = uai.normalise(cells.get(Meaning.UAI, ""))
    return read if uai.is_valid(read) else ""


def collect_uais(schools: Iterable[ResolvedSchool]) -> set[str]:
    """Return the UAIs that these rows were resolved to or mention."""
    return {found.uai or found.read for found in schools} - {""}


def get_search_scope() -> SearchScope:
    """Return the search scope for rows without UAI: the portfolio and its départements."""
    uais = frozenset(PortfolioSchool.objects.values_list("school_id", flat=True))
    departements = School.objects.filter(pk__in=PortfolioSchool.objects.values("school_id")).values_list(
        "departement_code", flat=True
    )
    return SearchScope(uais, frozenset(departements) - {""})
