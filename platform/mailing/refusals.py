"""Addresses that a server refused: messages to them are held until a person writes all the same.

An address is forgotten, and what waits for it released, when a message is reported delivered, when nothing comes back
for three days after a message that a person had sent, by the operator, or after a year. Locks: the address, then the
messages held for it.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django_tenants.utils import schema_context

from bounces.models import RefusedAddress
from core.tenant_connection import connection
from mailing import kinds, operations
from mailing.models import Message, RefusalHandling

#: A server that keeps a message tries it for two days, and reports then.
SILENCE = datetime.timedelta(days=3)
#: After which an address may be somebody else's, or repaired.
KEPT = datetime.timedelta(days=365)
#: Before the reason of the refusal.
HELD_SENTENCE = "Cette adresse a été refusée : rien ne lui est écrit sans votre accord."


def normalise_address(address: str) -> str:
    """Return an address as it is compared. Hardly any server tells capitals apart."""
    return address.strip().lower()


def find_refused(messages: Sequence[Message]) -> set[int]:
    """Return those of the messages that wait for a hand, by their primary keys. One query."""
    concerned = {
        message.pk: normalise_address(message.recipient)
        for message in messages
        if message.refusal != RefusalHandling.OVERRULED and not kinds.is_by_hand(message.kind)
    }
    refused = find_refused_addresses(concerned.values())
    return {number for number, address in concerned.items() if address in refused}


def find_refused_addresses(addresses: Iterable[str]) -> dict[str, str]:
    """Return the reasons of those of the addresses that are refused, by address in lower case. One query."""
    asked = list({normalise_address(address) for address in addresses if address})
    if not asked:
        return {}
    return dict(RefusedAddress.objects.filter(address__in_array=asked).values_list("address", "reason"))


@transaction.atomic
def refuse(reasons: Mapping[str, str], *, at: datetime.datetime) -> None:
    """Note that these addresses were refused. One that was refused before keeps the messages that wait for it."""
    found = {normalise_address(address): reason for address, reason in reasons.items() if address}
    # In one order for everybody.
    rows = [RefusedAddress(address=address, reason=found[address], refused_at=at) for address in sorted(found)]
    RefusedAddress.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["address"],
        update_fields=["reason", "refused_at", "tried_at"],
    )


def note_waiting(address: str) -> str | None:
    """Lock a refused address, note that this schema holds a message for it, and return why; None if it is not refused.

    The lock makes whoever forgets the address meanwhile find the message, or this find the address forgotten.
    """
    row = RefusedAddress.objects.filter(address=normalise_address(address)).locked().first()
    if row is None:
        return None
    if connection.schema_name not in row.waiting_in:
        row.waiting_in.append(connection.schema_name)
        row.save(update_fields=["waiting_in"])
    return f"{HELD_SENTENCE} {row.reason}"


def note_trial(address: str, *, at: datetime.datetime) -> None:
    """Note that a server took a message that a person had sent in spite of the refusal."""
    RefusedAddress.objects.filter(address=normalise_address(address)).update(
        tried_at=Greatest(F("refused_at"), Value(at))
    )


@transaction.atomic
def overrule(messages: Collection[int], *, at: datetime.datetime) -> list[int]:
    """Send those of the messages of the current schema that wait for a hand, and return them.

    Their addresses stay refused until something tells that they are not.
    """
    addresses = Message.objects.awaiting_hand().filter(pk__in=messages).values_list("recipient", flat=True)
    lock_addresses(addresses)
    waiting = Message.objects.awaiting_hand().filter(pk__in=messages)
    ids = list(waiting.locked().values_list("pk", flat=True))
    if ids:
        operations.requeue(ids, at=at, refusal=RefusalHandling.OVERRULED)
    return ids


def lock_addresses(addresses: Iterable[str]) -> None:
    """Lock those of the addresses that are refused until the transaction ends."""
    wanted = {normalise_address(address) for address in addresses}
    list(RefusedAddress.objects.filter(address__in=wanted).locked().values_list("pk"))


@transaction.atomic
def forget(addresses: Iterable[str], *, at: datetime.datetime) -> int:
    """Forget that these addresses were refused, and release what is held for them, in whichever schema."""
    wanted = {normalise_address(address) for address in addresses}
    rows = list(RefusedAddress.objects.filter(address__in=wanted).locked())
    RefusedAddress.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for schema in sorted({schema for row in rows for schema in row.waiting_in}):
        with schema_context(schema):
            _release([row.address for row in rows if schema in row.waiting_in], at=at)
    return len(rows)


def forget_old(*, at: datetime.datetime) -> int:
    """Forget the addresses to which a person wrote, if nothing has come back since, and those refused a year ago."""
    old = RefusedAddress.objects.filter(Q(tried_at__lte=at - SILENCE) | Q(refused_at__lte=at - KEPT))
    return forget(list(old.values_list("address", flat=True)), at=at)


def _release(addresses: Collection[str], *, at: datetime.datetime) -> None:
    waiting = Message.objects.awaiting_hand().locked().values_list("pk", "recipient")
    ids = [number for number, recipient in waiting if normalise_address(recipient) in addresses]
    if ids:
        operations.requeue(ids, at=at, refusal=RefusalHandling.NONE)
