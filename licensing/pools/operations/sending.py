"""Resend, remind of and reveal existing keys."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from collectivities import audit
from licensing.catalogue.operations import PARIS, day_in_france
from licensing.exceptions import Refused
from licensing.pools import checks
from licensing.pools.emails import about
from licensing.pools.exceptions import AlreadyRedeemed, NotYetSent, RemindedToday
from licensing.pools.models import TOPIC, Allocation, MessageKind
from licensing.pools.operations.results import Result, locked, revoked
from licensing.pools.queries import reached, reminded_since
from licensing.pools.wording import named
from licensing.subscriptions.models import ActivationKey
from licensing.subscriptions.queries import key_display
from mailing import operations as mailing
from mailing.queries import latest_by_topic
from schools.wording import school_name
from web import typography

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accounts.models import User
    from mailing.models import Message


_RESENT_SUMMARY = "Clé renvoyée à {}."


def resend(*, allocation_id: int, recipient: str | None = None, by: User | None, at: datetime.datetime) -> Message:
    """Resend the key, to a corrected address where one is given; return the new message.

    Pending messages are cancelled. Raises a `Refused`, having changed nothing: key redeemed or revoked, pool suspended
    or closed, bad address.
    """
    corrected = None if recipient is None else checks.address(recipient)
    with transaction.atomic():
        for result in _resend({allocation_id: corrected}, by=by, at=at):
            result.or_raise()
        return _last_message(allocation_id)


@transaction.atomic
def resend_many(
    *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime, said: str = _RESENT_SUMMARY
) -> list[Result]:
    """Resend all of these keys, in one transaction; return a result for each.

    `said`: the audit summary of each, formatted with the address.
    """
    return _resend(dict.fromkeys(allocation_ids), by=by, at=at, said=said)


def remind(*, allocation_id: int, by: User | None, at: datetime.datetime) -> None:
    """Remind the school of an unredeemed key that it received.

    Raises what `resend` raises, `NotYetSent` where no e-mail has arrived yet, and `RemindedToday`.
    """
    for result in remind_many(allocation_ids=[allocation_id], by=by, at=at):
        result.or_raise()


@transaction.atomic
def remind_many(*, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime) -> list[Result]:
    """Remind all of these schools, at most once a day, in one transaction; return a result for each."""
    allocations, results = locked(allocation_ids)
    received = reached(allocations)
    midnight = datetime.datetime.combine(day_in_france(at), datetime.time.min, tzinfo=PARIS)
    reminded_today = reminded_since(midnight, allocations)
    due: list[Allocation] = []
    for allocation in allocations.values():
        refusal = _refusal(allocation, at)
        if refusal is None and allocation.pk not in received:
            refusal = NotYetSent(
                "Aucun e-mail n'est encore arrivé à cet établissement : il n'y a rien à rappeler. "
                "Vérifiez l'adresse, puis renvoyez la clé."
            )
        if refusal is None and allocation.pk in reminded_today:
            refusal = RemindedToday("Cet établissement a déjà été relancé aujourd'hui.")
        results.append(Result(allocation.pk, refusal))
        if refusal is None:
            due.append(allocation)
    _queue_and_record(due, MessageKind.REMINDER, "keys.reminded", "Relance envoyée à {}.", by=by, at=at)
    return results


@transaction.atomic
def reveal(*, allocation_id: int, by: User, at: datetime.datetime) -> str:
    """Return the key in clear, for a manager; write the audit log and mark the key as exposed.

    Raises `UnknownAllocation` or `AlreadyRevoked`.
    """
    allocations, missing = locked([allocation_id])
    for result in missing:
        result.or_raise()
    allocation = allocations[allocation_id]
    if allocation.revoked_at is not None:
        raise revoked(allocation.revoked_at)
    ActivationKey.objects.filter(pk=allocation.key_id, exposed_at=None).update(exposed_at=at)
    audit.record(
        action="keys.revealed",
        by=by,
        at=at,
        summary=f"Clé {named(allocation.school.name).of_the} affichée.",
        school_id=allocation.school_id,
        object_type="allocation",
        object_id=allocation.pk,
    )
    return key_display(allocation.key)


def _resend(
    recipients: Mapping[int, str | None], *, by: User | None, at: datetime.datetime, said: str = _RESENT_SUMMARY
) -> list[Result]:
    allocations, results = locked(list(recipients))
    due: list[Allocation] = []
    for allocation in allocations.values():
        refusal = _refusal(allocation, at)
        results.append(Result(allocation.pk, refusal))
        if refusal is None:
            due.append(allocation)
    for allocation in due:
        corrected = recipients[allocation.pk]
        if corrected is not None and corrected != allocation.recipient:
            allocation.recipient = corrected
            allocation.save(update_fields=["recipient"])
    exposed = [one.key_id for one in due if not checks.is_official(one.recipient, one.school.email)]
    ActivationKey.objects.filter(pk__in=exposed, exposed_at=None).update(exposed_at=at)
    mailing.cancel(TOPIC, [allocation.pk for allocation in due], at)
    _queue_and_record(due, MessageKind.KEY, "keys.resent", said, by=by, at=at)
    return results


def _refusal(allocation: Allocation, at: datetime.datetime) -> Refused | None:
    """Return why no e-mail may be sent about this key, if so."""
    if allocation.revoked_at is not None:
        return revoked(allocation.revoked_at)
    if allocation.key.redeemed_at is not None:
        day = typography.day(day_in_france(allocation.key.redeemed_at))
        return AlreadyRedeemed(f"La clé a été activée le {day} : l'établissement s'en sert déjà.")
    try:
        checks.check_open(allocation.pool.source, at)
    except Refused as refusal:
        return refusal
    return None


def _queue_and_record(
    allocations: Sequence[Allocation],
    kind: MessageKind,
    action: str,
    summary: str,
    *,
    by: User | None,
    at: datetime.datetime,
) -> None:
    """Queue a message about each and record it in the audit log; `summary` is formatted with the address."""
    outgoing = [
        mailing.Outgoing(
            kind=kind,
            recipient=allocation.recipient,
            topic=TOPIC,
            topic_id=allocation.pk,
            about=about(allocation),
        )
        for allocation in allocations
    ]
    mailing.enqueue_many(outgoing, at=at)
    audit.record_many(
        [
            audit.Entry(
                action=action,
                summary=f"{school_name(allocation.school.name)} : {summary.format(allocation.recipient)}",
                school_id=allocation.school_id,
                object_type="allocation",
                object_id=allocation.pk,
            )
            for allocation in allocations
        ],
        by=by,
        at=at,
    )


def _last_message(allocation_id: int) -> Message:
    return latest_by_topic(TOPIC, [allocation_id])[allocation_id]
