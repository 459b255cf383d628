"""Whether the licence of a class is usable at a moment, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from core.calendar import date_in_paris
from licensing.entitlements.models import EntitlementStatus
from licensing.entitlements.wording import CANCELLED_SENTENCE, format_long_date

if TYPE_CHECKING:
    import datetime

    from licensing.entitlements.models import Entitlement


class LicenceUnusable(NamedTuple):
    """Why a licence is unusable: a stable code, and a French sentence for the teacher."""

    reason: str
    sentence: str


def get_unusable_code(entitlement: Entitlement, day: datetime.date) -> str:
    """Return the code that says why licences of an entitlement are unusable on a day; empty where usable."""
    if entitlement.over_on(day):
        return "licence_ended"
    if not entitlement.suspended_on(day):
        return ""
    return "provisional_over" if entitlement.status_on(day) is EntitlementStatus.LAPSED else "licence_suspended"


def check_unusable(entitlement: Entitlement, at: datetime.datetime) -> LicenceUnusable | None:
    """Return why licences of an entitlement are unusable at a moment, or None where they are usable.

    Consistent with `Subscription.objects.running_on`; the codes are those of `entry`.
    """
    reason = get_unusable_code(entitlement, date_in_paris(at))
    return LicenceUnusable(reason, _build_sentence(entitlement, reason)) if reason else None


def _build_sentence(entitlement: Entitlement, reason: str) -> str:
    if reason == "licence_ended" and entitlement.cancelled_at is not None:
        return f"{CANCELLED_SENTENCE}. La classe et ses élèves sont conservés jusqu'à la fin de l'année scolaire."
    if reason == "licence_ended":
        return (
            f"La licence de cette classe était valable jusqu'au {format_long_date(entitlement.last_day)} inclus."
            " Demandez à votre chef d'établissement une clé de la nouvelle année scolaire : elle ouvre une nouvelle"
            " classe."
        )
    if reason == "licence_suspended" and entitlement.temporary_until is None:
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
        f"Les droits temporaires de cette licence ont pris fin le {format_long_date(entitlement.open_until)}, et sa"
        " commande attend son bon de commande signé ou son règlement : la licence reprendra d'elle-même dès qu'il sera"
        " reçu. La classe et ses élèves sont conservés."
    )
