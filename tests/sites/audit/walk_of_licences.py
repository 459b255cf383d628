"""Acts on licences: given to schools, e-mailed, revoked, taught with, reserved for teachers."""

import datetime
from contextlib import suppress
from typing import Any

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from core.exceptions import DomainError
from licensing.classes import operations as classes
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import Subscription
from licensing.entitlements.queries import get_school_year, unseal_key
from licensing.plans.rebalancing import operations as moves
from licensing.plans.rebalancing.operations import answer_requests
from licensing.plans.rebalancing.plan import build_plan
from licensing.pools import key_emails, reductions, restorations
from licensing.pools.emails import check_due
from licensing.pools.models import Allocation, Pool
from licensing.requests.invitations import operations as invitations
from licensing.requests.invitations.models import TeacherInvitation
from licensing.requests.returns import operations as returns
from licensing.requests.returns.models import ReturnRequest
from licensing.requests.school_requests import operations as requests
from mailing import dispatch, kinds
from schools import affiliations
from schools.models import Affiliation, Verification
from tests.conftest import PASSWORD
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
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
            reductions.revoke(allocation_id=allocation.pk, **self.by())

    def restore(self):
        """Take back what was just given and undo it, mostly within the hour."""
        self.announce()
        for allocation in Allocation.objects.active().order_by("-pk")[:1]:
            reductions.revoke(allocation_id=allocation.pk, **self.by())
            self.at += datetime.timedelta(minutes=self.draw.randrange(75))
            restorations.restore(allocation_id=allocation.pk, **self.by())

    def deliver(self):
        """Record what a worker would of each e-mail about a key, and run the releases that wait."""
        if ProcrastinateJob.objects.filter(task_name="pools.release_held_emails", status="todo").exists():
            key_emails.release_held_emails(at=timezone.now())
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE procrastinate_jobs SET status = 'succeeded'"
                    " WHERE status = 'todo' AND task_name = 'pools.release_held_emails'"
                )
        for message in dispatch.claim(limit=50, at=self.at):
            if message.topic != "allocation":
                dispatch.record_cancelled(message, reason="")
                continue
            try:
                check_due(message, Allocation.objects.get(pk=message.topic_id))
            except kinds.OnHold as hold:
                dispatch.record_held(message, reason=str(hold), at=self.at)
                self.done["held"] += 1
            except kinds.NoLongerDue as lapsed:
                dispatch.record_cancelled(message, reason=str(lapsed))
            else:
                dispatch.record_accepted(message, message_id="", at=self.at)

    def invite(self, order):
        """Invite teachers to the buyer's school, which they are shown to lead."""
        for affiliation in Affiliation.objects.filter(user=order.placed_by, school__isnull=False, verified_at=None):
            affiliations.verify(affiliation=affiliation, means=Verification.OPERATOR, at=self.at, by=self.operator)
        for subscription in Subscription.objects.filter(key__entitlement__order_line__order=order):
            addresses = "\n".join(f"a{self.draw.randrange(10**9)}@exemple.example" for _ in range(2))
            invitations.invite_teachers(
                # Now: an invitation of the walk's day would have expired.
                subscription_id=subscription.pk, addresses=addresses, by=order.placed_by, at=timezone.now()
            )  # fmt: skip

    def _draw_invitation(self):
        return TeacherInvitation.objects.pending().order_by("pk")[self.draw.randrange(4) :][:1]

    def accept_invitation(self):
        for invitation in self._draw_invitation():
            invitations.accept_with_new_account(
                token=invitation.link_token, name="Léa Martin", password=PASSWORD, at=timezone.now()
            )

    def recall_invitation(self):
        for invitation in self._draw_invitation():
            invitations.recall_invitation(invitation_id=invitation.pk, by=invitation.invited_by, at=timezone.now())

    def undo_recall(self):
        """Undo the last cancellation, if it was a moment ago."""
        for invitation in TeacherInvitation.objects.filter(outcome="recalled").order_by("-ended_at", "-pk")[:1]:
            invitations.undo_recall(invitation_id=invitation.pk, by=invitation.invited_by, at=timezone.now())

    def end_invitations(self):
        invitations.expire_invitations(at=timezone.now())

    def _draw_redeemed(self):
        """Redeem a key that was just given; return the allocation of one of the last that were."""
        self.announce()
        for allocation in Allocation.objects.active().filter(key__redeemed_at=None).order_by("-pk")[:1]:
            principal = PrincipalFactory()
            AffiliationFactory(
                user=principal, school_id=allocation.school_id, verified_at=self.at, verified_by=Verification.OPERATOR
            )
            entitlements.redeem(code=unseal_key(allocation.key), by=principal, at=self.at)
        redeemed = Allocation.objects.active().filter(key__redeemed_at__isnull=False)
        return redeemed.order_by("-pk")[self.draw.randrange(4) :][:1]

    def give_back(self):
        """Give a licence back, and undo it now and then."""
        for allocation in self._draw_redeemed():
            subscription = allocation.key.subscription
            by = subscription.principal
            made = returns.give_back(subscription_id=subscription.pk, units=1, by=by, at=self.at).licence_return
            if self.draw.randrange(2):
                self.at += datetime.timedelta(minutes=self.draw.randrange(75))
                returns.undo_return(return_id=made.pk, by=by, at=self.at)

    def ask_back(self):
        for allocation in self._draw_redeemed():
            returns.ask(allocation_id=allocation.pk, again=bool(self.draw.randrange(2)), **self.by())

    def rebalance(self):
        """Take of a key that sleeps for a school whose licences are all held, or that asks; undo it now and then."""
        for allocation in self._draw_redeemed():
            by = allocation.key.subscription.principal
            entitlements.assign(subscription_id=allocation.key.subscription.pk, teacher=by, by=by, at=self.at)
            pool = Pool.objects.select_related("entitlement").get(pk=allocation.pool_id)
            if self.draw.randrange(2):
                self._ask_for_more(pool, allocation.school_id, by)
            plan = build_plan(pool, self.at)
            numbers: dict[str, Any] = {
                "taken": {one.allocation.pk: self.draw.randrange(one.allocation.units + 1) for one in plan.sources},
                "given": {one.need.uai: self.draw.randrange(2) for one in plan.needs},
                "asked": frozenset(one.allocation.pk for one in plan.demands[:1]),
            }
            shown = build_plan(pool, self.at, **numbers).fingerprint
            made = moves.rebalance(pool_id=pool.pk, **numbers, expected=shown, **self.by())
            if made is not None and self.draw.randrange(2):
                self.at += datetime.timedelta(minutes=self.draw.randrange(75))
                moves.undo_rebalancing(rebalancing_id=made.pk, **self.by())

    def _ask_for_more(self, pool, uai, by):
        """Ask for licences of the lot's year, if they are asked for on this day and nobody has."""
        with suppress(DomainError):
            requests.ask_collectivity(
                uai=uai,
                collectivity_id=self.collectivity.pk,
                school_year=get_school_year(pool.entitlement.last_day),
                units=1 + self.draw.randrange(3),
                reason="Une classe de plus.",
                by=by,
                at=self.at,
            )

    def accept_granted(self):
        """Accept what rebalancings granted, as a worker does after the hour."""
        self.done["answered"] += answer_requests(at=self.at)

    def answer(self):
        for request in ReturnRequest.objects.pending().order_by("pk")[self.draw.randrange(3) :][:1]:
            if self.draw.randrange(2):
                returns.withdraw(request_id=request.pk, **self.by())
            else:
                returns.keep(request_id=request.pk, by=request.key.subscription.principal, at=self.at)

    BEGIN: Steps = (
        *(announce, announce, announce, revoke, restore, restore, deliver, deliver, deliver),
        *(give_back, give_back, ask_back, ask_back, answer, rebalance, rebalance, accept_granted),
        *(accept_invitation, accept_invitation, recall_invitation, undo_recall, end_invitations),
    )
    GO_ON: Steps = (teach, invite, invite)
