"""Actions on allocations and messages, for tests of pools."""

from jobs.retention import schedule_pruning
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from licensing.pools import operations
from mailing.models import MESSAGES_KEPT, Message, MessageState
from tests.conftest import TERM
from tests.emails import BOUNCE_FIELDS
from tests.key_states import copy_soon


def allocate_units(pool, school, units=3, **changes):
    """Allocate licences of the pool to a school, by the operation."""
    kwargs = {"recipient": school.email, "by": None, "at": TERM, **changes}
    return operations.allocate(pool_id=pool.pk, uai=school.uai, units=units, **kwargs)


def mark_redeemed(allocation, principal):
    """Write the rows that redemption of the allocation's key writes."""
    ActivationKey.objects.filter(pk=allocation.key_id).update(redeemed_at=TERM, redeemed_by=principal)
    subscription = Subscription.objects.create(
        key_id=allocation.key_id,
        principal=principal,
        school_id=allocation.school_id,
        size=allocation.units,
        opened_at=TERM,
    )
    Seat.objects.bulk_create(Seat(subscription=subscription, number=n + 1) for n in range(allocation.units))
    copy_soon([allocation.key_id])
    return subscription


def mark_sent(state=MessageState.SENT):
    """Mark the queued messages as sent, as a worker does."""
    fields = BOUNCE_FIELDS if state == MessageState.BOUNCED else {}
    Message.objects.filter(state=MessageState.QUEUED).update(state=state, sent_at=TERM, **fields)
    schedule_pruning(TERM + MESSAGES_KEPT)
