"""Checks before allocating from a pool: each raises an error, or returns the checked value."""

from __future__ import annotations

import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core import formatting
from core.calendar import PARIS, date_in_paris
from core.contact_details import is_ordinary_address
from licensing.entitlements.models import Entitlement, EntitlementStatus, SuspensionCause
from licensing.pools.exceptions import BadAddress, BadSendDate, PoolClosed, PoolSuspended, UnknownPool
from licensing.pools.models import Pool

#: Send time of e-mails scheduled for a day.
_SEND_TIME = datetime.time(8, 0, tzinfo=PARIS)

_MAX_ADDRESS_LENGTH = 254


def lock_pool(pool_id: int) -> Pool:
    """Lock the pool and return it with its entitlement. Raises `UnknownPool`."""
    pool = Pool.objects.locked().prefetch_related("entitlement__collectivity").filter(pk=pool_id).first()
    if pool is None:
        raise UnknownPool("Ce lot n'existe pas dans votre collectivité : choisissez-le dans la liste de vos lots.")
    return pool


def check_open(entitlement: Entitlement, at: datetime.datetime) -> None:
    """Raise `PoolSuspended` or `PoolClosed` where the entitlement forbids allocating and sending keys."""
    match entitlement.status_on(date_in_paris(at)):
        case EntitlementStatus.SUSPENDED if entitlement.suspension_cause == SuspensionCause.OPERATOR:
            raise PoolSuspended(
                "Ce lot est suspendu : rien ne peut en être attribué ni envoyé. Il reprendra tel quel dès qu'il sera "
                "rétabli ; écrivez-nous pour en savoir plus."
            )
        case EntitlementStatus.SUSPENDED:
            raise PoolSuspended(
                "Ce lot est suspendu dans l'attente de sa commande : rien ne peut en être attribué ni envoyé. "
                "Il reprendra tel quel dès qu'elle sera régularisée."
            )
        case EntitlementStatus.LAPSED:
            raise PoolSuspended(
                f"Les droits temporaires de ce lot ont pris fin le {formatting.long_date(entitlement.open_until)},"
                " faute de bon de commande signé : rien ne peut en être attribué ni envoyé. Il reprendra tel quel dès"
                " que le bon de commande sera reçu ou la commande réglée."
            )
        case EntitlementStatus.CANCELLED:
            raise PoolClosed("La commande de ce lot a été annulée : choisissez un autre lot.")
        case EntitlementStatus.ENDED:
            raise PoolClosed(
                f"Les licences de ce lot n'étaient valables que jusqu'au {formatting.long_date(entitlement.last_day)}"
                " inclus : choisissez un lot de l'année scolaire en cours."
            )


def clean_address(text: str) -> str:
    """Return the e-mail address without surrounding spaces. Raises `BadAddress`."""
    stripped = text.strip()
    if is_ordinary_address(stripped):
        return stripped
    try:
        validate_email(stripped)
    except ValidationError:
        raise BadAddress(
            f"« {stripped} » n'est pas une adresse e-mail : corrigez-la, rien n'a été envoyé."
            if stripped
            else "Indiquez l'adresse e-mail à laquelle envoyer la clé."
        ) from None
    if len(stripped) > _MAX_ADDRESS_LENGTH:
        raise BadAddress(f"Une adresse e-mail compte {_MAX_ADDRESS_LENGTH} caractères au plus.")
    return stripped


def compute_due_at(
    send_on: datetime.date | None, *, entitlement: Entitlement, at: datetime.datetime
) -> datetime.datetime:
    """Return when to send the e-mails: at once, or at 8:00 in Paris on the given day.

    Raises `BadSendDate` for a past day, or one after the last day of the licences.
    """
    if send_on is None:
        return at
    if send_on < date_in_paris(at):
        raise BadSendDate(f"Le {formatting.long_date(send_on)} est passé : choisissez aujourd'hui ou un jour à venir.")
    if send_on > entitlement.last_day:
        raise BadSendDate(
            f"Les licences de ce lot s'arrêtent le {formatting.long_date(entitlement.last_day)} : choisissez un jour"
            " d'ici là."
        )
    return max(at, datetime.datetime.combine(send_on, _SEND_TIME))


def is_official_mailbox(recipient: str, mailbox: str) -> bool:
    """Whether an address is the school's official mailbox: a key sent elsewhere verifies nobody."""
    return recipient == mailbox or recipient.strip().casefold() == mailbox.strip().casefold()
