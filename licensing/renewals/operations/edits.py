"""Change the numbers of a list: of some schools, or of all at once."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Literal

from django.db import transaction

from accounts.models import User
from core import formatting
from licensing.renewals.exceptions import BadRenewalLine
from licensing.renewals.models import MAX_UNITS, Renewal, RenewalLine, RenewalState
from licensing.renewals.operations.renewal_lock import lock_renewal, save_change
from licensing.renewals.renewal_list import RenewalList, RenewalRow, read_list

_EDITABLE = (RenewalState.OPEN, RenewalState.ORDERED)
#: What a list can be set to as a whole: this year's numbers, the proposal again, nothing.
EVERY_SCHOOL = ("this_year", "proposal", "nothing")
type EverySchool = Literal["this_year", "proposal", "nothing"]
_WORDS = {
    "this_year": "chaque école comme cette année",
    "proposal": "chaque école comme proposé",
    "nothing": "rien pour aucune école",
}


@transaction.atomic
def edit_lines(
    *, year: int, version: int, units: Mapping[str, int | None], by: User | None, at: datetime.datetime
) -> RenewalList:
    """Set the numbers of schools; return the list. None, or the number proposed: it follows the proposal again.

    Raises `BadRenewalLine`, `RenewalChanged`, `RenewalNotOpen` or `WrongRenewalState`, having changed nothing. What
    changes nothing is no change.
    """
    found = lock_renewal(year, version, *_EDITABLE, at=at)
    typed: dict[str, int] = {}
    dropped: list[str] = []
    for uai, number in units.items():
        row = _check(found.by_uai.get(uai), uai, number)
        wanted = row.proposed if number is None else number
        if found.state == RenewalState.OPEN and wanted == row.proposed:
            if row.typed:
                dropped.append(uai)
        elif wanted != row.units:
            typed[uai] = wanted
    if not typed and not dropped:
        return found
    _write(found, typed, dropped)
    changed = formatting.pluralize(len(typed) + len(dropped), "école changée", "écoles changées")
    return _finish(found, changed, by=by, at=at)


@transaction.atomic
def edit_all(*, year: int, version: int, choice: EverySchool, by: User | None, at: datetime.datetime) -> RenewalList:
    """Set the numbers of all schools at once; return the list. Raises what `edit_lines` raises."""
    found = lock_renewal(year, version, *_EDITABLE, at=at)
    wanted = {row.uai: _choose(row, choice) for row in found.rows}
    is_open = found.state == RenewalState.OPEN
    typed = {
        uai: number
        for uai, number in wanted.items()
        if number != (found.by_uai[uai].proposed if is_open else found.by_uai[uai].units)
    }
    dropped = [row.uai for row in found.rows if is_open and row.typed and row.uai not in typed]
    _write(found, typed, dropped)
    return _finish(found, _WORDS[choice], by=by, at=at)


def _choose(row: RenewalRow, choice: EverySchool) -> int:
    if row.use.is_closed or choice == "nothing":
        return 0
    return min(row.given, MAX_UNITS) if choice == "this_year" else row.proposed


def _check(row: RenewalRow | None, uai: str, number: int | None) -> RenewalRow:
    if row is None:
        raise BadRenewalLine(f"{uai} : cette école n'est ni dans votre liste, ni parmi celles qui ont des licences.")
    if number is not None and not 0 <= number <= MAX_UNITS:
        raise BadRenewalLine(f"{row.name} : indiquez un nombre de licences, de 0 à {MAX_UNITS}.")
    if number and row.use.is_closed:
        raise BadRenewalLine(f"{row.name} est fermée d'après l'annuaire : rien ne peut lui être attribué.")
    return row


def _write(found: RenewalList, typed: Mapping[str, int], dropped: list[str]) -> None:
    renewal = _get_renewal(found)
    gone = RenewalLine.objects.filter(renewal=renewal)
    gone.filter(school_id__in=dropped).delete()
    if found.state == RenewalState.OPEN:
        # Kept for an order that was cancelled since.
        gone.filter(typed=False).delete()
    RenewalLine.objects.bulk_create(
        (RenewalLine(renewal=renewal, school_id=uai, units=number) for uai, number in typed.items()),
        update_conflicts=True,
        unique_fields=["renewal", "school"],
        update_fields=["units", "typed"],
    )


def _finish(found: RenewalList, what: str, *, by: User | None, at: datetime.datetime) -> RenewalList:
    after = read_list(found.year, at)
    total = formatting.pluralize(after.total, "licence en tout", "licences en tout")
    save_change(after, action="edited", summary=f"{what}, {total}", by=by, at=at)
    return after


def _get_renewal(found: RenewalList) -> Renewal:
    assert found.renewal is not None  # noqa: S101 - locked, so made
    return found.renewal
