"""The remit as a program keeps it: one school put there, a list written or taken out whole or not at all.

A program knows what it means: a field that it does not name stays as it is, and one that it names is written, empty
too. Of a list, the journal tells each school's share on the school's page, and the list itself once on the home.
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
    """What became of a school of the list."""

    ADDED = "added", "Ajoutée"
    UPDATED = "updated", "Mise à jour"
    UNCHANGED = "unchanged", "Inchangée"


def put_in_remit(*, uai: str, fields: Mapping[str, Any], by: User | None, at: datetime.datetime) -> Result:
    """Put one school into the remit, or write what is said of one there. Raises `UnknownSchool`, `WrongRows`."""
    with transaction.atomic():
        code = codes.normalise(uai)
        if not _known([code]):
            raise UnknownSchool(f"L'annuaire ne connaît pas d'établissement « {code[:20]} ».")
        _refuse(_faults_of_contact(0, fields))
        written = write_remit(entries={code: _said(fields)}, by=by, at=at, one_by_one=True)
    return _results([code], written.added, written.updated)[0]


@transaction.atomic
def write_list(
    *, rows: Sequence[tuple[str, Mapping[str, Any]]], by: User | None, at: datetime.datetime
) -> list[tuple[str, Result]]:
    """Write schools by UAI, each with what is said of it, all or none; return each one's UAI and what became of it.

    As many statements for ten thousand as for two. Raises `WrongRows`, which names every row that is not to be
    written: a school that the directory does not know, one that stands twice, an address or a number that is none.
    """
    uais = [codes.normalise(uai) for uai, _ in rows]
    faults = list(faults_of_schools(enumerate(uais)))
    for place, (_, fields) in enumerate(rows):
        faults += _faults_of_contact(place, fields)
    _refuse(faults)
    entries = {uai: _said(fields) for uai, (_, fields) in zip(uais, rows, strict=True)}
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
    """Take schools out of the remit; return each one's UAI and whether it was there. What they were given stays.

    Taken out twice is the same as once; of a school that stands twice in the list, the first is taken out.
    """
    wanted = [codes.normalise(uai) for uai in uais]
    left = set(take_back_from_remit(uais={uai for uai in wanted if codes.is_valid(uai)}, by=by, at=at))
    if left:
        audit.record(
            action="remit.list_removed",
            by=by,
            at=at,
            summary=f"Liste retirée du périmètre : {plural(len(left), 'école')} ; ce qui leur a été attribué ne change "
            "pas.",
        )
    told = []
    for uai in wanted:
        told.append((uai, uai in left))
        left.discard(uai)
    return told


def faults_of_schools(placed: Iterable[tuple[int, str]]) -> Iterator[RowFault]:
    """Yield what is wrong with the schools of a list's rows, given by their place and UAI; one query."""
    rows = list(placed)
    known = _known({uai for _, uai in rows})
    met: set[str] = set()
    for place, uai in rows:
        if uai not in known:
            yield RowFault(place, "uai", "unknown_school", f"L'annuaire ne connaît pas d'établissement « {uai[:20]} ».")
        elif uai in met:
            yield RowFault(place, "uai", "twice", f"{uai} figure deux fois dans la liste.")
        met.add(uai)


def _known(uais: Iterable[str]) -> set[str]:
    valid = [uai for uai in uais if codes.is_valid(uai)]
    return set(School.objects.filter(arrays.text_in("uai", valid)).values_list("uai", flat=True))


def _faults_of_contact(place: int, fields: Mapping[str, Any]) -> Iterator[RowFault]:
    for field, sentence in problems_of(fields.get("contact_email") or "", fields.get("classes")):
        yield RowFault(place, field, "invalid_contact", sentence)


def _refuse(faults: Iterable[RowFault]) -> None:
    found = sorted(faults)
    if found:
        raise WrongRows(found)


def _said(fields: Mapping[str, Any]) -> Said:
    """Return what is said, as the remit writes it: no text is null, and none begins or ends with a space."""
    return Said(
        {name: value if name == "classes" else " ".join((value or "").split()) for name, value in fields.items()}
    )


def _results(uais: Iterable[str], added: Iterable[str], updated: Iterable[str]) -> list[Result]:
    told = dict.fromkeys(updated, Result.UPDATED) | dict.fromkeys(added, Result.ADDED)
    return [told.get(uai, Result.UNCHANGED) for uai in uais]
