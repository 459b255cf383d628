"""Checks on a key before it is used, and the error message of each failure.

Messages differ by profile: a principal is referred to whoever gave the key, a teacher to their principal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from accounts.models import Profile
from licensing.subscriptions.exceptions import AlreadyRedeemed, KeyExpired, KeyRevoked, KeySuspended, UnknownKey
from licensing.subscriptions.models import Standing
from licensing.subscriptions.queries import administers_teachers_of, today
from licensing.subscriptions.wording import CANCELLED, on_day

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.subscriptions.models import ActivationKey, Source


def unknown(by: User) -> UnknownKey:
    """Return the error for a well-formed key that does not exist."""
    if _is_teacher(by):
        return UnknownKey(
            "Cette clé n'existe pas. Comparez-la à celle que votre chef d'établissement vous a transmise, "
            "groupe par groupe, ou demandez-lui de vous la renvoyer."
        )
    return UnknownKey(
        "Cette clé n'existe pas. Comparez-la à celle de l'e-mail, groupe par groupe ; si elle est identique, "
        "répondez à cet e-mail pour le signaler."
    )


def if_revoked(key: ActivationKey, by: User) -> None:
    """Raise `KeyRevoked` where the collectivity revoked the key."""
    if key.revoked_at is None:
        return
    giver = key.source.collectivity.name if key.source.collectivity else "Pep's"
    remedy = (
        "Demandez une autre clé à votre chef d'établissement."
        if _is_teacher(by)
        else f"Écrivez à {giver}, qui vous dira pourquoi et peut vous en envoyer une autre."
    )
    raise KeyRevoked(
        f"Cette clé a été reprise le {on_day(key.revoked_at)} par {giver} : elle n'ouvre plus de droits. {remedy}"
    )


def if_over(source: Source, by: User, at: datetime.datetime) -> None:
    """Raise `KeyExpired` where the licences are over for good, `KeySuspended` where they are suspended."""
    day = today(at)
    if source.over_on(day):
        raise KeyExpired(_describe_expiry(source, by, day))
    if not source.suspended_on(day):
        return
    giver = f"de {source.collectivity.name}" if source.collectivity else "de ces licences"
    if source.standing_on(day) is Standing.LAPSED:
        raise KeySuspended(
            f"Les droits temporaires de la commande {giver} ont pris fin le {on_day(source.open_until)}, faute de bon "
            "de commande signé : ses licences sont suspendues, et reprendront d'elles-mêmes dès qu'il sera reçu ou la "
            "commande réglée. Rien n'est perdu, il n'y a rien à ressaisir."
        )
    if source.temporary_until is None:
        # A grant, or paid for: no payment is awaited.
        whose = f"Les licences {giver}" if source.collectivity else "Ces licences"
        raise KeySuspended(
            f"{whose} sont suspendues, et reprendront d'elles-mêmes dès qu'elles seront rétablies. Rien n'est perdu, "
            "il n'y a rien à ressaisir."
        )
    raise KeySuspended(
        f"La commande {giver} attend son règlement : ses licences sont suspendues, et reprendront d'elles-mêmes dès "
        "qu'il sera reçu. Rien n'est perdu, il n'y a rien à ressaisir."
    )


def _describe_expiry(source: Source, by: User, day: datetime.date) -> str:
    if source.standing_on(day) is Standing.CANCELLED:
        remedy = (
            "Voyez avec votre chef d'établissement."
            if _is_teacher(by)
            else f"Écrivez à {source.collectivity.name}."
            if source.collectivity
            else "Vous pouvez en commander d'autres dans la boutique."
        )
        return f"{CANCELLED}. {remedy}"
    remedy = (
        "Demandez à votre chef d'établissement une clé de la nouvelle année scolaire."
        if _is_teacher(by)
        else "Demandez une clé de la nouvelle année scolaire à qui vous l'avait envoyée."
        if source.collectivity
        else "Commandez la nouvelle année scolaire dans la boutique."
    )
    return f"Les licences de cette clé étaient valables jusqu'au {on_day(source.last_day)} inclus. {remedy}"


def already_redeemed(key: ActivationKey, by: User) -> AlreadyRedeemed:
    """Return the error for a key redeemed before; only verified principals of the school are told by whom."""
    when = on_day(cast("datetime.datetime", key.redeemed_at))
    if key.redeemed_by_id == by.pk:
        return AlreadyRedeemed(f"Vous avez déjà activé cette clé le {when} : ses licences sont dans vos abonnements.")
    if administers_teachers_of(by, key.subscription):
        return AlreadyRedeemed(
            f"Cette clé a déjà été activée le {when} par {key.redeemed_by}, de votre établissement : ses licences sont "
            "dans vos abonnements, et vous pouvez les attribuer comme les vôtres."
        )
    return AlreadyRedeemed(
        f"Cette clé a déjà été activée le {when} par un autre compte : une clé ne s'active qu'une fois. Si vous "
        "dirigez l'établissement auquel elle est destinée, faites vérifier votre direction : ses licences "
        "apparaîtront dans vos abonnements."
    )


def _is_teacher(person: User) -> bool:
    return person.profile == Profile.TEACHER
