"""The recognition pipeline: match the rows of a list to schools.

Fast path: rows with a valid UAI whose name and commune match the directory cost a text comparison. The others are
looked up in bulk.
"""

from collections.abc import Mapping, Sequence

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
from schools.uai import is_valid


def recognise(
    rows: Sequence[SchoolReference], scope: SearchScope, fetched: dict[str, SchoolSummary] | None = None
) -> dict[int, RecognitionResult]:
    """Return by row key the matched school, or a doubt code with proposals.

    The number of queries is constant. Read-only. `fetched` collects the schools fetched by UAI, so that the caller need
    not fetch them again.
    """
    rows = [row.shortened() for row in rows]
    codes: dict[int, ParsedUaiCell] = {row.key: parse_uai_cell(row.uai) for row in rows if not is_valid(row.uai)}
    summaries = candidates.fetch_summaries(
        {row.uai for row in rows if row.key not in codes}.union(*((*each.valid, *each.near) for each in codes.values()))
    )
    if fetched is not None:
        fetched |= summaries
    sure: dict[int, RecognitionResult] = {}
    doubtful: list[tuple[SchoolReference, ParsedUaiCell]] = []
    for row in rows:
        key, uai, name, commune, postal_code, departement, _, _ = row
        code = codes.get(key) if codes else None
        summary = summaries.get(uai if code is None else code.one)
        if summary is not None and (
            # Identical to the directory, or equivalent.
            (name, commune, postal_code, departement) == (summary.name, summary.commune, summary.postal_code, "")
            or matches_summary(row, summary)
        ):
            method, confidence = (RecognitionMethod.UAI, 1.0) if code is None else (code.match_method, code.confidence)
            sure[key] = RecognitionResult(summary.uai, method, confidence, (), "")
        else:
            doubtful.append((row, code or parse_uai_cell(uai)))
    if not doubtful:
        return sure
    with disable_gc():
        decisions = _look_up_doubtful(doubtful, scope, summaries, [result.uai for result in sure.values()])
    return decide_list(rows, sure, decisions, summaries)


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
