"""The number of licences proposed for a school's next year, and why. Pure."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from core import formatting
from core.calendar import date_in_paris
from licensing.renewals.models import MAX_UNITS
from licensing.renewals.school_use import SchoolUse

#: A key that waits for less says nothing yet of what its school needs.
RECENT = datetime.timedelta(days=45)


class SchoolProposal(NamedTuple):
    """How many licences are proposed, and the reason as a French sentence without its full stop."""

    units: int
    reason: str


def propose(use: SchoolUse, at: datetime.datetime) -> SchoolProposal:
    """Return what is proposed for a school from what it was given, held at most, asked for, and its classes."""
    if use.is_closed:
        return SchoolProposal(0, "école fermée, d'après l'annuaire")
    units, reasons = _propose_from_use(use, at)
    if use.asks_now:
        units += use.asks_now
        reasons.append(f"en demande {formatting.number(use.asks_now)} de plus cette année")
    if use.asks_next:
        units = max(units, use.asks_next)
        reasons.append(f"en demande {formatting.number(use.asks_next)} pour l'an prochain")
    # Classes that were used are there, whatever the portfolio says.
    limit = None if use.classes is None else max(use.classes, use.peak)
    if limit is not None and units > limit:
        units = limit
        reasons.append(_describe_limit(limit))
    return SchoolProposal(min(units, MAX_UNITS), ", ".join(reasons))


def _describe_limit(limit: int) -> str:
    if limit > 1:
        return f"pas plus que ses {formatting.pluralize(limit, 'classe')}"
    return "pas plus que sa classe" if limit else "aucune classe, d'après votre liste d'écoles"


def _propose_from_use(use: SchoolUse, at: datetime.datetime) -> tuple[int, list[str]]:
    if not use.given:
        return 0, ["rien cette année" if use.given is None else "a rendu toutes ses licences"]
    if not use.is_redeemed:
        return _propose_unredeemed(use.given, use.given_at, at)
    if not use.peak:
        return 1, ["clé activée, personne ne s'en est servi : à voir avec l'école"]
    if use.peak < use.given:
        return use.peak, [f"{formatting.number(use.peak)} tenues au plus" if use.peak > 1 else "1 tenue au plus"]
    if use.classes is not None and use.classes > use.peak:
        return use.peak + 1, [f"toutes tenues, pour {formatting.pluralize(use.classes, 'classe')}"]
    return use.peak, ["toutes tenues" if use.peak > 1 else "tenue"]


def _propose_unredeemed(given: int, given_at: datetime.datetime | None, at: datetime.datetime) -> tuple[int, list[str]]:
    if given_at is not None and at - given_at < RECENT:
        return given, [f"clé donnée le {formatting.long_date(date_in_paris(given_at))}, pas encore activée"]
    return 0, ["clé jamais activée"]
