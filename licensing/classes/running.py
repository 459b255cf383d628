"""Whether the licence of a class is usable at a moment, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from licensing.subscriptions.models import Standing
from licensing.subscriptions.queries import today
from licensing.subscriptions.wording import CANCELLED, on_day

if TYPE_CHECKING:
    import datetime

    from licensing.subscriptions.models import Source


class Stop(NamedTuple):
    """Why a licence is unusable: a stable code, and a French sentence for the teacher."""

    reason: str
    sentence: str


def reason_on(source: Source, day: datetime.date) -> str:
    """Return the code that says why licences of an entitlement are unusable on a day; empty where usable."""
    if source.over_on(day):
        return "licence_ended"
    if not source.suspended_on(day):
        return ""
    return "provisional_over" if source.standing_on(day) is Standing.LAPSED else "licence_suspended"


def why_not(source: Source, at: datetime.datetime) -> Stop | None:
    """Return why licences of an entitlement are unusable at a moment, or None where they are usable.

    Consistent with `Subscription.objects.running_on`; the codes are those of `entry`.
    """
    reason = reason_on(source, today(at))
    return Stop(reason, _build_sentence(source, reason)) if reason else None


def _build_sentence(source: Source, reason: str) -> str:
    if reason == "licence_ended" and source.cancelled_at is not None:
        return f"{CANCELLED}. La classe et ses élèves sont conservés jusqu'à la fin de l'année scolaire."
    if reason == "licence_ended":
        return (
            f"La licence de cette classe était valable jusqu'au {on_day(source.last_day)} inclus. Demandez à votre "
            "chef d'établissement une clé de la nouvelle année scolaire : elle ouvre une nouvelle classe."
        )
    if reason == "licence_suspended" and source.temporary_until is None:
        return (
            "La licence de cette classe est suspendue, et reprendra d'elle-même dès qu'elle sera rétablie. La classe "
            "et ses élèves sont conservés."
        )
    if reason == "licence_suspended":
        return (
            "La commande de cette licence attend son règlement : la licence est suspendue, et reprendra d'elle-même "
            "dès qu'il sera reçu. La classe et ses élèves sont conservés."
        )
    return (
        f"Les droits temporaires de cette licence ont pris fin le {on_day(source.open_until)}, et sa commande attend "
        "son bon de commande signé ou son règlement : la licence reprendra d'elle-même dès qu'il sera reçu. La classe "
        "et ses élèves sont conservés."
    )
