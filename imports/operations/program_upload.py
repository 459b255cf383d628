"""Upload by a program: validates what the upload form validates for members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.calendar import date_in_paris
from imports import queries
from imports.enums import Purpose, Volume
from imports.exceptions import EmptyFile, PoolMissing, PoolNotOpen, PortfolioHasNoUnits, WrongVolume
from imports.operations.intake import upload

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from imports.models import SpreadsheetImport


def upload_from_program(
    *,
    purpose: Purpose,
    pool_id: int | None,
    volume: str,
    units_for_all: int | None,
    filename: str,
    content: bytes,
    by: User | None,
    at: datetime.datetime,
) -> SpreadsheetImport:
    """Validate the arguments, then store the file and queue its parsing, as `upload` does.

    Raises `EmptyFile`; `PoolMissing`, `PoolNotOpen`, `WrongVolume` for an allocation; `PortfolioHasNoUnits` if a pool
    or a volume is passed for the portfolio. No argument is silently ignored.
    """
    if not content:
        raise EmptyFile("Ce fichier est vide.")
    if purpose == Purpose.PORTFOLIO:
        if pool_id is not None or volume or units_for_all is not None:
            raise PortfolioHasNoUnits(
                "Un tableau du périmètre ne donne pas de licence : n'indiquez ni lot, ni nombre de licences."
            )
    else:
        _check_allocation(pool_id, volume, units_for_all, date_in_paris(at))
    return upload(
        purpose=purpose,
        pool_id=pool_id,
        filename=filename,
        content=content,
        # A column is the default.
        volume="" if volume == Volume.COLUMN else volume,
        units_for_all=units_for_all,
        by=by,
        at=at,
    )


def _check_allocation(pool_id: int | None, volume: str, units_for_all: int | None, day: datetime.date) -> None:
    if pool_id is None:
        raise PoolMissing("Indiquez le lot dans lequel prendre les licences.")
    if not queries.list_open_pools(day).filter(pk=pool_id).exists():
        raise PoolNotOpen(
            f"Le lot n° {pool_id} ne donne pas de licence : il n'est pas à votre collectivité, il a pris fin, ou il "
            "n'en reste aucune."
        )
    if (volume == Volume.ALL) != (units_for_all is not None):
        raise WrongVolume("« volume » vaut « all » si « units_for_all » dit combien, et seulement alors.")
