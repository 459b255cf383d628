"""French texts about validity, entitlement status and schools. Pure."""

import datetime

from accounts.models import Profile
from core import formatting
from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement, EntitlementStatus, Subscription
from schools.models import School

#: Threshold in days from which a countdown reads « plus que ».
_SOON_DAYS = 15
#: Without its final period.
CANCELLED_SENTENCE = "La commande de ces licences a été annulée : elles ne donnent plus de droits"


def format_long_date(day: datetime.date) -> str:
    """Return « 31 août 2027 »; for a datetime, the date in Paris."""
    return formatting.long_date(date_in_paris(day) if isinstance(day, datetime.datetime) else day)


def format_short_date(day: datetime.date) -> str:
    """Return « 31/08/2027 », for tables; for a datetime, the date in Paris."""
    return formatting.short_date(date_in_paris(day) if isinstance(day, datetime.datetime) else day)


def countdown(last: datetime.date, day: datetime.date) -> str:
    """Return the days left, the last included: « plus que 12 jours », « dernier jour »; empty once past."""
    left = (last - day).days
    if left < 0:
        return ""
    if left <= 1:
        return "jusqu'à demain" if left else "dernier jour"
    return f"{'plus que' if left <= _SOON_DAYS else 'encore'} {formatting.pluralize(left, 'jour')}"


def describe_start(entitlement: Entitlement, day: datetime.date) -> str:
    """Return « à partir du 1er septembre 2027 » before the first day of the licences; empty from then on."""
    return "" if entitlement.begun_on(day) else f"à partir du {format_long_date(entitlement.first_day)}"


def format_validity(entitlement: Entitlement, day: datetime.date) -> str:
    """Return the last day as a short date; while the order is unpaid, also the current deadline."""
    full = format_short_date(entitlement.last_day)
    if entitlement.temporary_until is None or entitlement.over_on(day):
        return full
    if entitlement.provisional_until is None:
        return f"{full}, sous réserve du règlement"
    return f"{format_short_date(entitlement.provisional_until)} (droits temporaires), puis {full} dès règlement"


def format_until(entitlement: Entitlement, day: datetime.date) -> str:
    """Return « jusqu'au 31 août 2027 inclus », after the first day if it is to come.

    While the order is unpaid, also what its payment changes.
    """
    start = describe_start(entitlement, day)
    return f"{start}, {_format_until_end(entitlement, day)}" if start else _format_until_end(entitlement, day)


def format_use(entitlement: Entitlement, day: datetime.date) -> str:
    """Return until when a teacher uses a licence: « jusqu'au 31 août 2027 inclus », after the first day if to come.

    What the order still waits for is not the teacher's business, but that the licence is to be prolonged.
    """
    start, until = describe_start(entitlement, day), f"jusqu'au {format_long_date(entitlement.last_day)} inclus"
    provisional = entitlement.provisional_until
    if provisional is not None and provisional < entitlement.last_day and not entitlement.over_on(day):
        until = f"jusqu'au {format_long_date(provisional)} inclus, et doit être prolongée {until}"
    return f"{start}, {until}" if start else until


def _format_until_end(entitlement: Entitlement, day: datetime.date) -> str:
    full = f"jusqu'au {format_long_date(entitlement.last_day)} inclus"
    if entitlement.temporary_until is None or entitlement.over_on(day):
        return full
    if entitlement.provisional_until is None:
        # The purchase order was received: no right ends by itself.
        return f"{full}, sous réserve du règlement de la commande"
    return (
        f"jusqu'au {format_long_date(entitlement.provisional_until)} inclus (droits temporaires), puis {full} dès que"
        " la commande sera réglée"
    )


def describe_review(*, suspended: bool) -> str:
    """Return the state, for a badge, of an order whose signed purchase order is being checked, and of its licences."""
    return f"{'Droits suspendus, b' if suspended else 'B'}on de commande reçu, en cours de vérification"


def status_text(entitlement: Entitlement, day: datetime.date, *, under_review: bool = False) -> str:
    """Describe what is awaited, and by when: the first day, and a payment; empty where firm rights have begun.

    `under_review`: the signed purchase order is being checked, and no countdown runs. For whoever allocates or
    administers the licences: it never names the payer.
    """
    awaited = (_describe_checked(entitlement, day) if under_review else "") or _describe_awaited(entitlement, day)
    if entitlement.begun_on(day) or entitlement.over_on(day):
        return awaited
    start = f"Licences utilisables en classe {describe_start(entitlement, day)}"
    return f"{start}. {awaited}" if awaited else f"{start}, jusqu'au {format_long_date(entitlement.last_day)} inclus."


def _describe_checked(entitlement: Entitlement, day: datetime.date) -> str:
    """Return what is awaited while the signed purchase order is being checked; empty where it changes nothing."""
    status = entitlement.status_on(day)
    if status is EntitlementStatus.LAPSED and entitlement.provisional_until is not None:
        return (
            f"Les droits temporaires ont pris fin le {format_long_date(entitlement.provisional_until)} ; votre bon de"
            " commande signé est en cours de vérification : tout reprendra de soi-même dès qu'il sera accepté."
        )
    if status in (EntitlementStatus.UNPAID, EntitlementStatus.OVERDUE) and entitlement.unpaid_until is not None:
        return (
            "Droits temporaires : le compte à rebours, qui allait jusqu'au"
            f" {format_long_date(entitlement.unpaid_until)}, est arrêté le temps que nous vérifiions votre bon de"
            f" commande. Puis jusqu'au {format_long_date(entitlement.last_day)} inclus dès règlement."
        )
    return ""


def _describe_awaited(entitlement: Entitlement, day: datetime.date) -> str:
    temporary = format_long_date(entitlement.temporary_until) if entitlement.temporary_until else ""
    last = format_long_date(entitlement.last_day)
    left = countdown(entitlement.temporary_until or entitlement.last_day, day)
    return {
        EntitlementStatus.PROVISIONAL: (
            f"Droits temporaires jusqu'au {temporary} inclus ({left}), dans l'attente du bon de "
            f"commande signé ; puis jusqu'au {last} inclus dès règlement."
        ),
        EntitlementStatus.UNPAID: (
            f"Droits temporaires jusqu'au {temporary} inclus ({left}), dans l'attente du règlement ; "
            f"puis jusqu'au {last} inclus dès qu'il sera reçu."
        ),
        EntitlementStatus.OVERDUE: (
            f"Le règlement était attendu le {temporary} au plus tard : sans lui, ces licences peuvent être "
            f"suspendues avant le {last}."
        ),
        EntitlementStatus.LAPSED: (
            f"Les droits temporaires ont pris fin le {temporary}, faute de bon de commande signé : tout reprendra "
            "de soi-même, sans rien ressaisir, dès qu'il sera reçu ou la commande réglée."
        ),
        EntitlementStatus.SUSPENDED: (
            "Licences suspendues : leur commande attend son règlement. Elles reprendront d'elles-mêmes dès qu'il sera "
            "reçu ; rien n'est perdu."
            if entitlement.resumes_when_paid
            else (
                "Licences suspendues : elles reprendront où elles en étaient dès qu'elles seront rétablies ; rien "
                "n'est perdu."
            )
        ),
        EntitlementStatus.CANCELLED: f"{CANCELLED_SENTENCE}.",
    }.get(entitlement.status_on(day), "")


def name_with_commune(school: School) -> str:
    """Return the school's name with its commune, as names are not unique."""
    return f"{school.name} ({school.commune})" if school.commune else school.name


def describe_account(subscription: Subscription) -> str:
    """Return the « compte de rattachement »: the school credited, or « Achat personnel » for a teacher."""
    if subscription.school is not None:
        return subscription.school.name
    if subscription.principal.profile == Profile.TEACHER:
        return "Achat personnel"
    typed = subscription.principal.affiliations.first()
    return str(typed) if typed is not None else str(subscription.principal)


def describe_use(held: int, size: int) -> str:
    """Return how many of a subscription's licences are held: « 2 licences sur 4 en usage »."""
    return f"{formatting.pluralize(held, 'licence')} sur {formatting.number(size)} en usage"
