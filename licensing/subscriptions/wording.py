"""How keys, days and schools are worded in what people read. Pure."""

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

#: From so many days on, a countdown presses.
_SOON = 15
#: What becomes of licences whose order was cancelled, wherever it is said.
CANCELLED = "La commande de ces licences a été annulée : elles ne donnent plus de droits"


def on_day(day: datetime.date) -> str:
    """Return `31 août 2027`; of a moment, the day it was in Paris."""
    return typography.day(timezone.localtime(day).date() if isinstance(day, datetime.datetime) else day)


def in_figures(day: datetime.date) -> str:
    """Return `31/08/2027`, as tables write it; of a moment, the day it was in Paris."""
    return f"{timezone.localtime(day) if isinstance(day, datetime.datetime) else day:%d/%m/%Y}"


def countdown(last: datetime.date, day: datetime.date) -> str:
    """Return how long something still lasts on a day, its last day included: « plus que 12 jours », « dernier jour ».

    Past it, nothing is left to count: an empty sentence.
    """
    left = (last - day).days
    if left < 0:
        return ""
    if left <= 1:
        return "jusqu'à demain" if left else "dernier jour"
    return f"{'plus que' if left <= _SOON else 'encore'} {typography.plural(left, 'jour')}"


def validity(source: Source, day: datetime.date) -> str:
    """Return the last day in figures; where the order is not paid yet, both days: as things are, and once it is."""
    temporary = source.temporary_until
    if temporary is None or source.over_on(day):
        return in_figures(source.last_day)
    if source.standing_on(day) is Standing.OVERDUE:
        return f"{in_figures(source.last_day)}, sous réserve du règlement"
    return f"{in_figures(temporary)} (droits temporaires), puis {in_figures(source.last_day)} dès règlement"


def until(source: Source, day: datetime.date) -> str:
    """Return « jusqu'au 31 août 2027 inclus »; where the order is not paid yet, what its payment changes too."""
    temporary, whole = source.temporary_until, f"jusqu'au {on_day(source.last_day)} inclus"
    if temporary is None:
        return whole
    if source.standing_on(day) is Standing.OVERDUE:
        return f"{whole}, sous réserve du règlement de la commande"
    return f"jusqu'au {on_day(temporary)} inclus (droits temporaires), puis {whole} dès que la commande sera réglée"


def standing(source: Source, day: datetime.date) -> str:
    """Return what stands between these licences and their last day, and how long it may; empty where nothing does.

    For whoever gives or administers them: it says what is awaited, and never of whom.
    """
    temporary = on_day(source.temporary_until) if source.temporary_until else ""
    whole = on_day(source.last_day)
    return {
        Standing.PROVISIONAL: (
            f"Droits temporaires jusqu'au {temporary} inclus ({_left(source, day)}), dans l'attente du bon de "
            f"commande signé ; puis jusqu'au {whole} inclus dès règlement."
        ),
        Standing.UNPAID: (
            f"Droits temporaires jusqu'au {temporary} inclus ({_left(source, day)}), dans l'attente du règlement ; "
            f"puis jusqu'au {whole} inclus dès qu'il sera reçu."
        ),
        Standing.OVERDUE: (
            f"Le règlement était attendu le {temporary} au plus tard : sans lui, ces licences peuvent être "
            f"suspendues avant le {whole}."
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


def _left(source: Source, day: datetime.date) -> str:
    return countdown(source.temporary_until or source.last_day, day)


def the_school(school: School) -> str:
    """Return the school's name with its town, by which people tell one Jean-Jaurès from another."""
    return f"{school.name} ({school.commune})" if school.commune else school.name


def provenance(subscription: Subscription) -> str:
    """Return the « compte de rattachement »: the school of the account that was credited, if it is not a teacher's."""
    if subscription.school is not None:
        return subscription.school.name
    if subscription.principal.profile == Profile.TEACHER:
        return "Achat personnel"
    typed = subscription.principal.affiliations.first()
    return str(typed) if typed is not None else str(subscription.principal)
