"""Undo what was changed for many schools as a whole: of a rebalancing, and of a renewal."""

import datetime
from typing import NamedTuple

from django.db.models import F

from accounts.models import User
from core import formatting
from core.exceptions import Refusal
from core.formatting import school_forms
from licensing.entitlements.exceptions import LicencesInUse
from licensing.entitlements.keys import grow_many, shrink_many
from licensing.entitlements.seat_holders import remove_seats
from licensing.pools import events
from licensing.pools.journal import record_allocations
from licensing.pools.key_states import copy_key_states
from licensing.pools.models import GROWN_IN_BULK, REDUCED_IN_BULK, Allocation, Pool
from webhooks import operations as webhooks


class UndoneAction(NamedTuple):
    """The code of the refusal to undo, and how the journal names an undoing (« Rééquilibrage annulé »)."""

    code: str
    label: str

    def refuse(self, sentence: str) -> Refusal:
        """Return the refusal, with a sentence without a full stop."""
        return Refusal(self.code, f"{sentence} : tout est annulé, ou rien.")

    def refuse_changed(self, allocation: Allocation) -> Refusal:
        """Return the refusal for an allocation that is not what it was left as."""
        return self.refuse(f"Ce qu'a {school_forms(allocation.school.name).the} a changé depuis")


def set_back(
    allocation: Allocation, action: UndoneAction, *, before: int, after: int, by: User | None, at: datetime.datetime
) -> None:
    """Give an allocation the units that it had before; the caller has locked its pool, it and its key.

    Raises the action's refusal where teachers hold what it was given.
    """
    change = after - before
    name = school_forms(allocation.school.name).the
    if change < 0:
        grow_many({allocation.key_id: -change})
    elif allocation.key.redeemed_at is None:
        shrink_many({allocation.key_id: before})
    else:
        try:
            remove_seats(key_id=allocation.key_id, units=change)
        except LicencesInUse:
            given = f"{formatting.start_sentence(name)} a déjà donné ses nouvelles licences à des enseignants"
            raise action.refuse(given) from None
    Allocation.objects.filter(pk=allocation.pk).update(units=before)
    copy_key_states([allocation.pk])
    Pool.objects.filter(pk=allocation.pool_id).update(allocated=F("allocated") - change)
    again = f"{name} a de nouveau {formatting.pluralize(before, 'licence')} du lot « {allocation.pool.name} »"
    entry = (allocation, f"{action.label} : {again}, avec la même clé.")
    record_allocations(REDUCED_IN_BULK if change > 0 else GROWN_IN_BULK, [entry], by=by, at=at)
    webhooks.emit(events=events.build_reduced_events([(allocation, before)], import_id=None), at=at)
