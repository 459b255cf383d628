"""French texts about validity, entitlement status and schools. Pure."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models import Profile
from licensing.subscriptions.models import Standing
from web import typography

if TYPE_CHECKING:
    from licensing.subscriptions.models import Source, Subscription
    from schools.models import School

#: Threshold in days from which a countdown reads « plus que ».
_SOON_DAYS = 15
#: Without its final period.
CANCELLED = "La commande de ces licences a été annulée : elles ne donnent plus de droits"


def on_day(day: datetime.date) -> str:
    """Return « 31 août 2027 »; for a datetime, the date in Paris."""
    return typography.day(timezone.localtime(day).date() if isinstance(day, datetime.datetime) else day)


def in_figures(day: datetime.date) -> str:
    """Return « 31/08/2027 », for tables; for a datetime, the date in Paris."""
    return f"{timezone.localtime(day) if isinstance(day, datetime.datetime) else day:%d/%m/%Y}"


def countdown(last: datetime.date, day: datetime.date) -> str:
    """Return the days left, the last included: « plus que 12 jours », « dernier jour »; empty once past."""
    left = (last - day).days
    if left < 0:
        return ""
    if left <= 1:
        return "jusqu'à demain" if left else "dernier jour"
    return f"{'plus que' if left <= _SOON_DAYS else 'encore'} {typography.plural(left, 'jour')}"


def validity(source: Source, day: datetime.date) -> str:
    """Return the last day as a short date; while the order is unpaid, also the current deadline."""
    temporary = source.temporary_until
    if temporary is None or source.over_on(day):
        return in_figures(source.last_day)
    if source.standing_on(day) is Standing.OVERDUE:
        return f"{in_figures(source.last_day)}, sous réserve du règlement"
    return f"{in_figures(temporary)} (droits temporaires), puis {in_figures(source.last_day)} dès règlement"


def until(source: Source, day: datetime.date) -> str:
    """Return « jusqu'au 31 août 2027 inclus »; while the order is unpaid, also what its payment changes."""
    temporary, full = source.temporary_until, f"jusqu'au {on_day(source.last_day)} inclus"
    if temporary is None:
        return full
    if source.standing_on(day) is Standing.OVERDUE:
        return f"{full}, sous réserve du règlement de la commande"
    return f"jusqu'au {on_day(temporary)} inclus (droits temporaires), puis {full} dès que la commande sera réglée"


def standing(source: Source, day: datetime.date) -> str:
    """Describe a non-firm status: what is awaited, and by when; empty where the rights are firm.

    For whoever allocates or administers the licences: it never names the payer.
    """
    temporary = on_day(source.temporary_until) if source.temporary_until else ""
    last = on_day(source.last_day)
    left = countdown(source.temporary_until or source.last_day, day)
    return {
        Standing.PROVISIONAL: (
            f"Droits temporaires jusqu'au {temporary} inclus ({left}), dans l'attente du bon de "
            f"commande signé ; puis jusqu'au {last} inclus dès règlement."
        ),
        Standing.UNPAID: (
            f"Droits temporaires jusqu'au {temporary} inclus ({left}), dans l'attente du règlement ; "
            f"puis jusqu'au {last} inclus dès qu'il sera reçu."
        ),
        Standing.OVERDUE: (
            f"Le règlement était attendu le {temporary} au plus tard : sans lui, ces licences peuvent être "
            f"suspendues avant le {last}."
        ),
        Standing.LAPSED: (
            f"Les droits temporaires ont pris fin le {temporary}, faute de bon de commande signé : tout reprendra "
            "de soi-même, sans rien ressaisir, dès qu'il sera reçu ou la commande réglée."
        ),
        Standing.SUSPENDED: (
            "Licences suspendues : leur commande attend son règlement. Elles reprendront d'elles-mêmes dès qu'il sera "
            "reçu ; rien n'est perdu."
            if temporary
            else "Licences suspendues : elles reprendront où elles en étaient dès qu'elles seront rétablies ; rien "
            "n'est perdu."
        ),
        Standing.CANCELLED: f"{CANCELLED}.",
    }.get(source.standing_on(day), "")


def the_school(school: School) -> str:
    """Return the school's name with its commune, as names are not unique."""
    return f"{school.name} ({school.commune})" if school.commune else school.name


def provenance(subscription: Subscription) -> str:
    """Return the « compte de rattachement »: the school credited, or « Achat personnel » for a teacher."""
    if subscription.school is not None:
        return subscription.school.name
    if subscription.principal.profile == Profile.TEACHER:
        return "Achat personnel"
    typed = subscription.principal.affiliations.first()
    return str(typed) if typed is not None else str(subscription.principal)
