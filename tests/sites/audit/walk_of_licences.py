"""Acts on licences: given to schools, e-mailed, revoked, taught with."""

from __future__ import annotations

import datetime

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from licensing.classes import operations as classes
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import Subscription
from licensing.pools import operations as pools
from licensing.pools.emails import check_due
from licensing.pools.models import Allocation, Pool
from mailing import kinds, leases
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.sites.audit.walk_steps import Steps, WalkSteps


class WalkOfLicences(WalkSteps):
    def teach(self, order):
        """Open a class of the buyer's own, which is refused before the first day."""
        for subscription in Subscription.objects.filter(key__entitlement__order_line__order=order):
            buyer = order.placed_by
            seat = entitlements.assign(subscription_id=subscription.pk, teacher=buyer, by=buyer, at=self.at)
            classes.open_class(seat_id=seat.pk, by=buyer, name="CE1 B", at=self.at)

    def announce(self):
        """Give licences of a pool to a school, to be e-mailed now or within three weeks."""
        for pool in Pool.objects.order_by("-pk")[self.draw.randrange(3) :][:1]:
            send_on = self.at.date() + datetime.timedelta(days=self.draw.randrange(20))
            allocate_units(pool, SchoolFactory(), units=1, at=self.at, send_on=send_on)

    def revoke(self):
        for allocation in Allocation.objects.active().order_by("pk")[self.draw.randrange(10) :][:1]:
            pools.revoke(allocation_id=allocation.pk, **self.by())

    def deliver(self):
        """Record what a worker would of each e-mail about a key, and run the releases that wait."""
        if ProcrastinateJob.objects.filter(task_name="pools.release_held_emails", status="todo").exists():
            pools.release_held_emails(at=timezone.now())
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE procrastinate_jobs SET status = 'succeeded'"
                    " WHERE status = 'todo' AND task_name = 'pools.release_held_emails'"
                )
        for message in leases.claim(limit=50, at=self.at):
            if message.topic != "allocation":
                leases.record_cancelled(message, reason="")
                continue
            try:
                check_due(message, Allocation.objects.get(pk=message.topic_id))
            except kinds.OnHold as hold:
                leases.record_held(message, reason=str(hold))
                self.done["held"] += 1
            except kinds.NoLongerDue as lapsed:
                leases.record_cancelled(message, reason=str(lapsed))
            else:
                leases.record_accepted(message, message_id="", at=self.at)

    BEGIN: Steps = (announce, announce, announce, revoke, deliver, deliver, deliver)
    GO_ON: Steps = (teach,)
