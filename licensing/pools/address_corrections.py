"""Keys whose last e-mail did not arrive, each with why, and the address that we know besides."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db.models import QuerySet

from collectivities.models import PortfolioSchool
from core.calendar import date_in_paris
from licensing.pools.models import ALLOCATION_TOPIC
from licensing.pools.queries import AllocationState, AnnotatedAllocation, filter_situation, list_allocations
from licensing.pools.situations import Situation
from mailing.models import Message, MessageState
from mailing.refusals import find_refused_addresses, normalise_address

DIRECTORY, CONTACT = "directory", "portfolio"
#: Where a proposed address comes from, in French.
SOURCE_LABELS = {DIRECTORY: "boîte de l'annuaire", CONTACT: "contact de votre périmètre"}
_NOTHING_SENT = "Aucun e-mail n'est parti."


class AddressCorrection(NamedTuple):
    """A key that did not arrive. `proposed`: another address of the school, empty where we know none."""

    allocation: AnnotatedAllocation
    reason: str
    proposed: str
    #: `DIRECTORY` or `CONTACT`; empty where nothing is proposed.
    source: str
    #: The message that waits for a hand, as the address was refused before; None if it bounced or failed.
    held_message_id: int | None

    @property
    def source_label(self) -> str:
        return SOURCE_LABELS.get(self.source, "")


def list_undelivered(at: datetime.datetime) -> QuerySet[AnnotatedAllocation]:
    """Return the allocations whose key can be redeemed and did not arrive: those that the home page counts."""
    listed = list_allocations(date_in_paris(at)).filter(state=AllocationState.ISSUED)
    return filter_situation(Situation.UNDELIVERED, listed)


def build_corrections(allocations: Sequence[AnnotatedAllocation]) -> list[AddressCorrection]:
    """Return what to correct of each of these allocations, in their order. Three queries."""
    ids = [allocation.pk for allocation in allocations]
    last = (
        Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__in_array=ids)
        .exclude(state=MessageState.CANCELLED)
        .order_by("topic_id", "-pk")
        .distinct("topic_id")
    )
    messages = {message.topic_id: message for message in last}
    contacts = dict(
        PortfolioSchool.objects.filter(school_id__in_array=[one.school_id for one in allocations])
        .exclude(contact_email="")
        .values_list("school_id", "contact_email")
    )
    candidates = {one.pk: list(_list_candidates(one, contacts.get(one.school_id, ""))) for one in allocations}
    refused = find_refused_addresses(address for found in candidates.values() for address, _ in found)
    corrections = []
    for allocation in allocations:
        message = messages.get(allocation.pk)
        # Until it is resent, the address of the allocation is that of the lost message.
        failed = {normalise_address(allocation.recipient), normalise_address(message.recipient if message else "")}
        usable = (
            (address, source)
            for address, source in candidates[allocation.pk]
            if normalise_address(address) not in failed and normalise_address(address) not in refused
        )
        proposed, source = next(usable, ("", ""))
        reason = message.explanation if message is not None else _NOTHING_SENT
        held = message.pk if message is not None and message.awaits_hand else None
        corrections.append(AddressCorrection(allocation, reason or _NOTHING_SENT, proposed, source, held))
    return corrections


def _list_candidates(allocation: AnnotatedAllocation, contact: str) -> Iterator[tuple[str, str]]:
    """Yield the addresses that we know of a school: the directory's own mailbox first."""
    if allocation.school.email:
        yield allocation.school.email, DIRECTORY
    if contact:
        yield contact, CONTACT
