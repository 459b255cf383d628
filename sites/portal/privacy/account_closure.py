"""Close an account: one transaction that calls each app's own operation to erase its personal data; the row stays."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.db import transaction
from django_tenants.utils import get_public_schema_name, schema_context

from accounts import personal_data as accounts
from accounts.models import User, lock_account
from collectivities import personal_data as offices
from jobs.tasks import defer
from licensing.billing.queries import has_invoiced_orders
from licensing.classes import personal_data as classes
from licensing.classes.models import Classroom
from licensing.entitlements import personal_data as subscriptions
from licensing.entitlements.models import Seat, Subscription
from licensing.invitations import personal_data as invitations
from licensing.orders import personal_data as orders
from licensing.orders.models import Order
from licensing.payments import operations as payments
from licensing.requests import personal_data as requests
from mailing.operations import enqueue
from schools import affiliations as schools
from sites.portal.privacy.emails import ACCOUNT_CLOSED

#: Delay of the second pass, which erases what concurrent transactions wrote to the account.
SECOND_PASS_DELAY = datetime.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClosureConsequences:
    """The consequences of closing an account, as its page displays them."""

    #: Why the account cannot be closed; empty where it can.
    refusal: str
    seats: list[Seat]
    subscriptions: list[Subscription]
    #: Classes shared with another teacher, as holder or second teacher.
    shared: list[Classroom]
    #: Shop orders neither paid nor cancelled, which stay open.
    orders: list[Order]
    #: Whether the user's orders were invoiced.
    invoiced: bool
    offices: list[str]
    #: Current and former offices, whose audit logs keep the name.
    journals: list[str]

    @property
    def has_changes(self) -> bool:
        """Whether anything changes for other people, or for what the user holds or ordered."""
        return bool(self.seats or self.shared or self.subscriptions or self.offices or self.orders)

    @property
    def left_to_schools(self) -> list[Subscription]:
        return [one for one in self.subscriptions if one.school_id is not None]

    @property
    def left_to_nobody(self) -> list[Subscription]:
        return [one for one in self.subscriptions if subscriptions.is_left_to_nobody(one)]


def get_consequences(user: User) -> ClosureConsequences:
    """Return the consequences of closing the account, in a constant number of queries."""
    memberships = offices.list_memberships(user)
    sole_manager_of = [one.collectivity.name for one in memberships if one.last_manager]
    refusal = accounts.explain_closure_refusal(user) or (
        offices.format_last_manager_message(sole_manager_of) if sole_manager_of else ""
    )
    return ClosureConsequences(
        refusal=refusal,
        seats=subscriptions.list_held_seats(user),
        subscriptions=subscriptions.list_credited_subscriptions(user),
        shared=classes.list_shared_classes(user),
        orders=orders.list_unpaid_orders(user),
        invoiced=has_invoiced_orders(user),
        offices=[one.collectivity.name for one in memberships if one.left_at is None],
        journals=[one.collectivity.name for one in memberships],
    )


@transaction.atomic
def close_account(*, user_id: int, at: datetime.datetime) -> User:
    """Close the account and return its erased row.

    Licences are released, memberships end, queued e-mails are cancelled, and a last e-mail goes to the former address.
    Closing again erases what was written meanwhile. Raises `accounts.personal_data.OperatorAccountNotClosable` and
    `collectivities.exceptions.LastManager`, having changed nothing.
    """
    # The account, its outbox and its affiliations are in the public schema.
    with schema_context(get_public_schema_name()):
        return _close(user_id, at)


def _close(user_id: int, at: datetime.datetime) -> User:
    user = lock_account(user_id)
    already_closed = user.erased_at is not None
    if refusal := accounts.explain_closure_refusal(user):
        raise accounts.OperatorAccountNotClosable(refusal)
    addresses = accounts.list_email_addresses(user)
    context = {"username": user.username, "first_name": user.first_name}
    recipient = user.email
    offices.end_memberships(user, addresses=addresses, at=at)
    was_shared = classes.list_shared_classes(user)
    requests.withdraw_requests(user, at=at)
    subscriptions.release_all_seats(user, at=at)
    classes.leave_all(user, was_shared=was_shared, at=at)
    invitations.erase_addresses(user, addresses=addresses)
    requests.erase_requests(user)
    orders.cancel_drafts(user, addresses=addresses, at=at)
    payments.erase_billing_emails(user)
    schools.delete_affiliations(user, at=at)
    accounts.erase_account(user, at=at)
    if not already_closed:
        # The e-mail stores name and address, which the row no longer has; both are deleted once it is sent.
        enqueue(
            kind=ACCOUNT_CLOSED, recipient=recipient, at=at, topic=ACCOUNT_CLOSED, topic_id=user.pk, context=context
        )
        defer("portal.close_account_again", schema=get_public_schema_name(), at=at + SECOND_PASS_DELAY, user_id=user.pk)
    return user
