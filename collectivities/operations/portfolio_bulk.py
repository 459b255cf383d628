"""The portfolio operations of the API: write one school, write or remove a list, all or nothing.

Absent fields keep their value; fields that are present are written, even if empty. A list is logged once as a whole,
for the home page, and once for each school, for its timeline.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import models, transaction

from accounts.models import User
from collectivities import audit_log
from collectivities.exceptions import InvalidRows, PortfolioRowError, UnknownPortfolioSchool
from collectivities.operations.portfolio import check_contact
from collectivities.operations.portfolio_store import (
    ContactChange,
    remove_from_portfolio,
    write_portfolio,
)
from core.formatting import pluralize
from schools import uai as codes
from schools.models import School


class PortfolioRowResult(models.TextChoices):
    """Outcome for one school of a list."""

    ADDED = "added", "Ajoutée"
    UPDATED = "updated", "Mise à jour"
    UNCHANGED = "unchanged", "Inchangée"


def put_in_portfolio(
    *, uai: str, fields: Mapping[str, Any], by: User | None, at: datetime.datetime
) -> PortfolioRowResult:
    """Add a school to the portfolio, or update its fields. Raises `UnknownPortfolioSchool`, `InvalidRows`."""
    with transaction.atomic():
        code = codes.normalise(uai)
        if not _known_schools([code]):
            raise UnknownPortfolioSchool(f"L'annuaire ne connaît pas d'établissement « {code[:20]} ».")
        _raise_if_any(_check_contact(0, fields))
        written = write_portfolio(entries={code: _contact_change(fields)}, by=by, at=at, one_by_one=True)
    return _results([code], written.added, written.updated)[0]


@transaction.atomic
def write_portfolio_list(
    *, rows: Sequence[tuple[str, Mapping[str, Any]]], by: User | None, at: datetime.datetime
) -> list[tuple[str, PortfolioRowResult]]:
    """Write schools with their fields, all or nothing; return UAI and outcome of each.

    The number of queries is constant. Raises `InvalidRows`, which lists every error: a school unknown to the
    directory, a duplicate, an invalid e-mail address or number of classes.
    """
    uais = [codes.normalise(uai) for uai, _ in rows]
    row_errors = list(check_schools(enumerate(uais)))
    for index, (_, fields) in enumerate(rows):
        row_errors += _check_contact(index, fields)
    _raise_if_any(row_errors)
    entries = {uai: _contact_change(fields) for uai, (_, fields) in zip(uais, rows, strict=True)}
    written = write_portfolio(entries=entries, by=by, at=at)
    if written.added or written.updated:
        audit_log.record(
            action="portfolio.bulk_updated",
            by=by,
            at=at,
            summary=(
                f"Liste de {pluralize(len(rows), 'école')} écrite dans le périmètre :"
                f" {pluralize(len(written.added), 'ajoutée')},"
                f" {pluralize(len(written.updated), 'mise à jour', 'mises à jour')}."
            ),
        )
    return list(zip(uais, _results(uais, written.added, written.updated), strict=True))


@transaction.atomic
def remove_portfolio_list(*, uais: Sequence[str], by: User | None, at: datetime.datetime) -> list[tuple[str, bool]]:
    """Remove schools from the portfolio; return UAI of each and whether it was in it. Allocations are kept.

    Idempotent; of duplicates in the list, the first counts as removed.
    """
    requested = [codes.normalise(uai) for uai in uais]
    removed = set(remove_from_portfolio(uais={uai for uai in requested if codes.is_valid(uai)}, by=by, at=at))
    if removed:
        audit_log.record(
            action="portfolio.bulk_removed",
            by=by,
            at=at,
            summary=(
                f"Liste retirée du périmètre : {pluralize(len(removed), 'école')} ; ce qui leur a été attribué ne "
                "change pas."
            ),
        )
    outcomes = []
    for uai in requested:
        outcomes.append((uai, uai in removed))
        removed.discard(uai)
    return outcomes


def check_schools(indexed: Iterable[tuple[int, str]]) -> Iterator[PortfolioRowError]:
    """Yield errors for unknown and duplicate schools, given as (index, UAI). One query."""
    rows = list(indexed)
    known = _known_schools({uai for _, uai in rows})
    seen: set[str] = set()
    for index, uai in rows:
        if uai not in known:
            yield PortfolioRowError(
                index, "uai", "unknown_school", f"L'annuaire ne connaît pas d'établissement « {uai[:20]} »."
            )
        elif uai in seen:
            yield PortfolioRowError(index, "uai", "duplicate_school", f"{uai} figure deux fois dans la liste.")
        seen.add(uai)


def _known_schools(uais: Iterable[str]) -> set[str]:
    valid = [uai for uai in uais if codes.is_valid(uai)]
    return set(School.objects.filter(uai__in_array=valid).values_list("uai", flat=True))


def _check_contact(index: int, fields: Mapping[str, Any]) -> Iterator[PortfolioRowError]:
    for name, sentence in check_contact(fields.get("contact_email") or "", fields.get("classes")):
        yield PortfolioRowError(index, name, "invalid_contact", sentence)


def _raise_if_any(row_errors: Iterable[PortfolioRowError]) -> None:
    ordered = sorted(row_errors)
    if ordered:
        raise InvalidRows(ordered)


def _contact_change(fields: Mapping[str, Any]) -> ContactChange:
    """Return the fields as a `ContactChange`: null becomes an empty string, spaces are normalised."""
    return ContactChange(
        {name: value if name == "classes" else " ".join((value or "").split()) for name, value in fields.items()}
    )


def _results(uais: Iterable[str], added: Iterable[str], updated: Iterable[str]) -> list[PortfolioRowResult]:
    by_uai = dict.fromkeys(updated, PortfolioRowResult.UPDATED) | dict.fromkeys(added, PortfolioRowResult.ADDED)
    return [by_uai.get(uai, PortfolioRowResult.UNCHANGED) for uai in uais]
