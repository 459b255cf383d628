"""Why the licence of a class is unusable on a day: the case, its stable code, and the words for its teacher."""

from __future__ import annotations

import datetime
import enum
from typing import NamedTuple

from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement, EntitlementStatus
from licensing.entitlements.wording import CANCELLED_SENTENCE, format_long_date


class UnusableCase(enum.Enum):
    """Why a licence is unusable. Several cases share a code: `code` is what the application is told."""

    CANCELLED = enum.auto()
    ENDED = enum.auto()
    SUSPENDED = enum.auto()
    UNPAID = enum.auto()
    PROVISIONAL_OVER = enum.auto()
    NOT_BEGUN = enum.auto()

    @property
    def code(self) -> str:
        return _CODES[self]


_CODES = {
    UnusableCase.CANCELLED: "licence_ended",
    UnusableCase.ENDED: "licence_ended",
    UnusableCase.SUSPENDED: "licence_suspended",
    UnusableCase.UNPAID: "licence_suspended",
    UnusableCase.PROVISIONAL_OVER: "provisional_over",
    UnusableCase.NOT_BEGUN: "licence_not_begun",
}

#: For the page of the class; `first_day`, `last_day` and `open_until` are those of the entitlement.
_CLASS_SENTENCES = {
    UnusableCase.CANCELLED: (
        f"{CANCELLED_SENTENCE}. La classe et ses élèves sont conservés jusqu’à la fin de l’année scolaire."
    ),
    UnusableCase.ENDED: (
        "La licence de cette classe était valable jusqu’au {last_day} inclus. Demandez à votre chef d’établissement une"
        " licence de la nouvelle année scolaire : elle permet d’emmener cette classe, ou d’en ouvrir une nouvelle."
    ),
    UnusableCase.SUSPENDED: (
        "La licence de cette classe est suspendue, et reprendra d’elle-même dès qu’elle sera rétablie. La classe et ses"
        " élèves sont conservés."
    ),
    UnusableCase.UNPAID: (
        "La commande de cette licence attend son règlement : la licence est suspendue, et reprendra d’elle-même dès "
        "qu’il sera reçu. La classe et ses élèves sont conservés."
    ),
    UnusableCase.PROVISIONAL_OVER: (
        "Les droits temporaires de cette licence ont pris fin le {open_until}, et sa commande attend son bon de "
        "commande signé ou son règlement : la licence reprendra d’elle-même dès qu’il sera reçu. La classe et ses "
        "élèves sont conservés."
    ),
    UnusableCase.NOT_BEGUN: (
        "Cette licence s’utilise à partir du {first_day} : revenez ce jour-là ouvrir votre classe et créer les comptes "
        "de vos élèves."
    ),
}
#: For a teacher at the entry of the learning application.
_ENTRY_SENTENCES = {
    UnusableCase.CANCELLED: f"{CANCELLED_SENTENCE}. Voyez avec votre chef d’établissement.",
    UnusableCase.ENDED: (
        "Votre licence était valable jusqu’au {last_day} inclus. Demandez à votre chef d’établissement une licence de "
        "la nouvelle année scolaire."
    ),
    UnusableCase.SUSPENDED: (
        "Votre licence est suspendue. Votre classe et vos élèves sont conservés, et tout reprendra de soi-même dès "
        "qu’elle sera rétablie."
    ),
    UnusableCase.UNPAID: (
        "Votre licence est suspendue : sa commande attend son règlement. Votre classe et vos élèves sont conservés, et "
        "tout reprendra de soi-même dès qu’il sera reçu."
    ),
    UnusableCase.PROVISIONAL_OVER: (
        "Les droits temporaires de votre licence ont pris fin le {open_until} : sa commande attend son règlement. "
        "Votre classe et vos élèves sont conservés, et tout reprendra de soi-même dès qu’il sera reçu."
    ),
    UnusableCase.NOT_BEGUN: "Votre licence s’utilise à partir du {first_day} : l’application s’ouvrira ce jour-là.",
}


class LicenceUnusable(NamedTuple):
    """Why a licence is unusable: a stable code, and a French sentence for the teacher."""

    reason: str
    sentence: str


def find_unusable_case(entitlement: Entitlement, day: datetime.date) -> UnusableCase | None:
    """Return why licences of an entitlement are unusable on a day, or None where they are usable.

    Consistent with `Subscription.objects.running_on`.
    """
    if entitlement.over_on(day):
        return UnusableCase.ENDED if entitlement.cancelled_at is None else UnusableCase.CANCELLED
    if not entitlement.suspended_on(day):
        return None if entitlement.begun_on(day) else UnusableCase.NOT_BEGUN
    if entitlement.status_on(day) is EntitlementStatus.LAPSED:
        return UnusableCase.PROVISIONAL_OVER
    return UnusableCase.UNPAID if entitlement.resumes_when_paid else UnusableCase.SUSPENDED


def check_unusable(entitlement: Entitlement, at: datetime.datetime) -> LicenceUnusable | None:
    """Return why licences of an entitlement are unusable at a moment, in the words of the class's page, or None."""
    case = find_unusable_case(entitlement, date_in_paris(at))
    return None if case is None else LicenceUnusable(case.code, _fill(_CLASS_SENTENCES[case], entitlement))


def format_entry_refusal(case: UnusableCase, entitlement: Entitlement) -> str:
    """Return the French sentence for a teacher whose licence does not let them into the application."""
    return _fill(_ENTRY_SENTENCES[case], entitlement)


def _fill(sentence: str, entitlement: Entitlement) -> str:
    return sentence.format(
        first_day=format_long_date(entitlement.first_day),
        last_day=format_long_date(entitlement.last_day),
        open_until=format_long_date(entitlement.open_until),
    )
