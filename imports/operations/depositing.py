"""A file that comes from a program: what the upload page asks of a member, refused where it makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports import queries
from imports.enums import Purpose, Volume
from imports.exceptions import EmptyFile, PoolMissing, PoolNotOpen, RemitGivesNothing, WrongVolume
from imports.operations.reading import upload
from licensing.catalogue.operations import day_in_france

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from imports.models import Import


def deposit(
    *,
    purpose: Purpose,
    pool_id: int | None,
    volume: str,
    units_for_all: int | None,
    filename: str,
    content: bytes,
    by: User | None,
    at: datetime.datetime,
) -> Import:
    """Store a file and queue its reading, as `upload` does, once what is said of it goes together.

    Raises `EmptyFile`; `PoolMissing`, `PoolNotOpen`, `WrongVolume` for an attribution; `RemitGivesNothing` where a lot
    or a number is said of a table for the remit. What a program says is never left aside in silence.
    """
    if not content:
        raise EmptyFile("Ce fichier est vide.")
    if purpose == Purpose.REMIT:
        if pool_id is not None or volume or units_for_all is not None:
            raise RemitGivesNothing(
                "Un tableau du périmètre ne donne pas de licence : n'indiquez ni lot, ni nombre de licences."
            )
    else:
        _check_attribution(pool_id, volume, units_for_all, day_in_france(at))
    return upload(
        purpose=purpose,
        pool_id=pool_id,
        filename=filename,
        content=content,
        # « A column says it » is what is looked for anyway.
        volume="" if volume == Volume.COLUMN else volume,
        units_for_all=units_for_all,
        by=by,
        at=at,
    )


def _check_attribution(pool_id: int | None, volume: str, units_for_all: int | None, day: datetime.date) -> None:
    if pool_id is None:
        raise PoolMissing("Indiquez le lot dans lequel prendre les licences.")
    if not queries.open_pools(day).filter(pk=pool_id).exists():
        raise PoolNotOpen(
            f"Le lot n° {pool_id} ne donne pas de licence : il n'est pas à votre collectivité, il a pris fin, ou il "
            "n'en reste aucune."
        )
    if (volume == Volume.ALL) != (units_for_all is not None):
        raise WrongVolume("« volume » vaut « all » si « units_for_all » dit combien, et seulement alors.")
