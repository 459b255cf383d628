"""The recognition pipeline: match the rows of a list to schools.

Fast path: rows with a valid UAI whose name and commune match the directory cost a text comparison. The others are
looked up in bulk.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from jobs.periodic_tasks import disable_gc
from schools.recognition import RecognitionMethod, RecognitionResult, SchoolReference, SearchScope, candidates
from schools.recognition.candidates import SchoolSummary
from schools.recognition.decisions import (
    ParsedUaiCell,
    RowDecision,
    decide_by_uai,
    decide_list,
    decide_row,
    matches_summary,
    parse_uai_cell,
)
from schools.recognition.lookup import Lookup, SureRows
from schools.recognition.name_parser import parse_name
from schools.recognition.places import get_uai_departement
from schools.uai import WELL_FORMED, is_valid

#: Rows whose cells, and the directory's answer, are in memory at once.
_ROWS_AT_ONCE = 10_000


def recognise(
    rows: Iterable[SchoolReference], scope: SearchScope, fetched: dict[str, SchoolSummary] | None = None
) -> dict[int, RecognitionResult]:
    """Return by row key the matched school, or a doubt code with proposals.

    The number of queries is constant, but for two in 10,000 rows. Read-only. `fetched` collects the schools fetched by
    UAI, so that the caller need not fetch them again.
    """
    summaries = {} if fetched is None else fetched
    sure: dict[int, RecognitionResult] = {}
    doubtful: list[tuple[SchoolReference, ParsedUaiCell]] = []
    # Of the cells of a row that is sure, the name alone is kept: the directory's own where it is the same.
    names: dict[int, str] = {}
    for batch in itertools.batched(rows, _ROWS_AT_ONCE, strict=False):
        references = [row.shortened() for row in batch]
        codes = _fetch_mentioned(references, summaries)
        for row in references:
            key, uai, name, commune, postal_code, departement, _, _ = row
            code = codes.get(key) if codes else None
            summary = summaries.get(uai if code is None else code.one)
            if summary is not None and (
                # Identical to the directory, or equivalent.
                (name, commune, postal_code, departement) == (summary.name, summary.commune, summary.postal_code, "")
                or matches_summary(row, summary)
            ):
                method, confidence = (
                    (RecognitionMethod.UAI, 1.0) if code is None else (code.match_method, code.confidence)
                )
                sure[key] = RecognitionResult(summary.uai, method, confidence, (), "")
                names[key] = summary.name if name == summary.name else name
            else:
                doubtful.append((row, code or parse_uai_cell(uai)))
                names[key] = name
    if not doubtful:
        return sure
    with disable_gc():
        decisions = _look_up_doubtful(doubtful, scope, summaries, [result.uai for result in sure.values()])
    return decide_list(names, sure, decisions, summaries)


def _fetch_mentioned(rows: Sequence[SchoolReference], summaries: dict[str, SchoolSummary]) -> dict[int, ParsedUaiCell]:
    """Fetch the schools of the UAI of these rows; return by row key the cells that hold no UAI alone."""
    alone = {row.uai for row in rows if WELL_FORMED.fullmatch(row.uai)} - summaries.keys()
    if alone:
        summaries |= candidates.fetch_summaries(alone)
    # A UAI of the directory is valid.
    codes = {row.key: parse_uai_cell(row.uai) for row in rows if row.uai not in summaries and not is_valid(row.uai)}
    mentioned = {uai for code in codes.values() for uai in (*code.valid, *code.near)} - summaries.keys()
    if mentioned:
        summaries |= candidates.fetch_summaries(mentioned)
    return codes


def _look_up_doubtful(
    doubtful: Sequence[tuple[SchoolReference, ParsedUaiCell]],
    scope: SearchScope,
    summaries: Mapping[str, SchoolSummary],
    sure: Sequence[str],
) -> dict[int, RowDecision]:
    mentioned = {uai for _, code in doubtful for uai in (*code.valid, *code.near) if uai in summaries}
    schools = {school.uai: school for school in candidates.fetch_candidates(uais=mentioned)} if mentioned else {}
    decisions: dict[int, RowDecision] = {}
    untold_levels: list[tuple[int, ...]] = []
    to_look_up: list[tuple[SchoolReference, ParsedUaiCell]] = []
    for row, code in doubtful:
        school = schools.get(code.one)
        result = None if school is None else decide_by_uai(row, code, school)
        if school is not None and result is not None:
            decisions[row.key] = result
            if row.name and not parse_name(row.name, row.kind).states_level:
                untold_levels.append(school.levels)
        elif school is not None and not (row.commune or row.postal_code or row.departement):
            # No place: the name is searched in the département of the UAI's school.
            to_look_up.append((row._replace(departement=school.departement), code))
        else:
            to_look_up.append((row, code))
    if to_look_up:
        certain = [*sure, *(each.result.uai for each in decisions.values())]
        known = SureRows([*map(get_uai_departement, certain)], untold_levels)
        lookup = Lookup([row for row, _ in to_look_up], scope, schools.values(), known)
        for row, code in to_look_up:
            decisions[row.key] = decide_row(row, code, lookup)
    return decisions
