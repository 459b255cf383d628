"""The portfolio operations of the API: write one school, write or remove a list, all or nothing.

Absent fields keep their value; fields that are present are written, even if empty. A list is logged once as a whole,
for the home page, and once for each school, for its timeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models, transaction

from collectivities import audit
from collectivities.exceptions import RowFault, UnknownSchool, WrongRows
from collectivities.operations.remit import problems_of
from collectivities.operations.remit_lists import Said, take_back_from_remit, write_remit
from schools import uai as codes
from schools.models import School
from web import arrays
from web.typography import plural

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from accounts.models import User


class Result(models.TextChoices):
    """Outcome for one school of a list."""

    ADDED = "added", "Ajoutée"
    UPDATED = "updated", "Mise à jour"
    UNCHANGED = "unchanged", "Inchangée"


def put_in_remit(*, uai: str, fields: Mapping[str, Any], by: User | None, at: datetime.datetime) -> Result:
    """Add a school to the portfolio, or update its fields. Raises `UnknownPortfolioSchool`, `InvalidRows`."""
    with transaction.atomic():
        code = codes.normalise(uai)
        if not _known_schools([code]):
            raise UnknownSchool(f"L'annuaire ne connaît pas d'établissement « {code[:20]} ».")
        _raise_if_any(_check_contact(0, fields))
        written = write_remit(entries={code: _contact_change(fields)}, by=by, at=at, one_by_one=True)
    return _results([code], written.added, written.updated)[0]


@transaction.atomic
def write_list(
    *, rows: Sequence[tuple[str, Mapping[str, Any]]], by: User | None, at: datetime.datetime
) -> list[tuple[str, Result]]:
    """Write schools with their fields, all or nothing; return UAI and outcome of each.

    The number of queries is constant. Raises `InvalidRows`, which lists every error: a school unknown to the
    directory, a duplicate, an invalid e-mail address or number of classes.
    """
    uais = [codes.normalise(uai) for uai, _ in rows]
    row_errors = list(faults_of_schools(enumerate(uais)))
    for index, (_, fields) in enumerate(rows):
        row_errors += _check_contact(index, fields)
    _raise_if_any(row_errors)
    entries = {uai: _contact_change(fields) for uai, (_, fields) in zip(uais, rows, strict=True)}
    written = write_remit(entries=entries, by=by, at=at)
    if written.added or written.updated:
        audit.record(
            action="remit.list_written",
            by=by,
            at=at,
            summary=f"Liste de {plural(len(rows), 'école')} écrite dans le périmètre : "
            f"{plural(len(written.added), 'ajoutée')}, {plural(len(written.updated), 'mise à jour', 'mises à jour')}.",
        )
    return list(zip(uais, _results(uais, written.added, written.updated), strict=True))


@transaction.atomic
def remove_list(*, uais: Sequence[str], by: User | None, at: datetime.datetime) -> list[tuple[str, bool]]:
    """Remove schools from the portfolio; return UAI of each and whether it was in it. Allocations are kept.

    Idempotent; of duplicates in the list, the first counts as removed.
    """
    requested = [codes.normalise(uai) for uai in uais]
    removed = set(take_back_from_remit(uais={uai for uai in requested if codes.is_valid(uai)}, by=by, at=at))
    if removed:
        audit.record(
            action="remit.list_removed",
            by=by,
            at=at,
            summary=f"Liste retirée du périmètre : {plural(len(removed), 'école')} ; ce qui leur a été attribué ne "
            "change pas.",
        )
    outcomes = []
    for uai in requested:
        outcomes.append((uai, uai in removed))
        removed.discard(uai)
    return outcomes


def faults_of_schools(indexed: Iterable[tuple[int, str]]) -> Iterator[RowFault]:
    """Yield errors for unknown and duplicate schools, given as (index, UAI). One query."""
    rows = list(indexed)
    known = _known_schools({uai for _, uai in rows})
    seen: set[str] = set()
    for index, uai in rows:
        if uai not in known:
            yield RowFault(index, "uai", "unknown_school", f"L'annuaire ne connaît pas d'établissement « {uai[:20]} ».")
        elif uai in seen:
            yield RowFault(index, "uai", "twice", f"{uai} figure deux fois dans la liste.")
        seen.add(uai)


def _known_schools(uais: Iterable[str]) -> set[str]:
    valid = [uai for uai in uais if codes.is_valid(uai)]
    return set(School.objects.filter(arrays.text_in("uai", valid)).values_list("uai", flat=True))


def _check_contact(index: int, fields: Mapping[str, Any]) -> Iterator[RowFault]:
    for field, sentence in problems_of(fields.get("contact_email") or "", fields.get("classes")):
        yield RowFault(index, field, "invalid_contact", sentence)


def _raise_if_any(row_errors: Iterable[RowFault]) -> None:
    ordered = sorted(row_errors)
    if ordered:
        raise WrongRows(ordered)


def _contact_change(fields: Mapping[str, Any]) -> Said:
    """Return the fields as a `ContactChange`: null becomes an empty string, spaces are normalised."""
    return Said(
        {name: value if name == "classes" else " ".join((value or "").split()) for name, value in fields.items()}
    )


def _results(uais: Iterable[str], added: Iterable[str], updated: Iterable[str]) -> list[Result]:
    by_uai = dict.fromkeys(updated, Result.UPDATED) | dict.fromkeys(added, Result.ADDED)
    return [by_uai.get(uai, Result.UNCHANGED) for uai in uais]
