"""Ending an account: the row stays, nothing personal does. One operation over every app that knows the person."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from django.db import transaction
from django_tenants.utils import get_public_schema_name, schema_context

from accounts import personal as accounts
from accounts.models import Profile
from collectivities import personal as offices
from jobs.tasks import defer
from licensing.classes import personal as classes
from licensing.exceptions import Refused
from licensing.orders import personal as orders
from licensing.subscriptions import personal as subscriptions
from mailing.operations import enqueue
from pages.my_account.privacy_emails import FAREWELL
from schools import personal as schools

if TYPE_CHECKING:
    from accounts.models import User
    from licensing.classes.models import Classroom
    from licensing.orders.models import Order
    from licensing.subscriptions.models import Seat, Subscription

#: After this, whatever was being written to the account at the moment of its end has been, and ends with it.
ONCE_MORE_AFTER = datetime.timedelta(minutes=1)


class OperatorStays(Refused):
    """The site would be left without whoever runs it."""

    code = "operator_stays"


@dataclass(frozen=True, slots=True)
class Consequences:
    """What the end of an account does, as its page says it."""

    #: Why it cannot be ended as things stand; empty where it can.
    refusal: str
    seats: list[Seat]
    subscriptions: list[Subscription]
    #: Classes that the person shares, on either side.
    shared: list[Classroom]
    #: Orders of the shop that are neither paid nor cancelled: they go on without him.
    orders: list[Order]
    #: Whether invoices name what he ordered.
    invoiced: bool
    offices: list[str]
    #: The offices, of now and of before, whose journals keep the name.
    journals: list[str]

    @property
    def left_to_schools(self) -> list[Subscription]:
        return [one for one in self.subscriptions if one.school_id is not None]

    @property
    def left_to_nobody(self) -> list[Subscription]:
        """Those of a school typed by hand: no other principal can be shown to lead it.

        What a teacher bought for himself nobody else administered.
        """
        typed = [one for one in self.subscriptions if one.school_id is None]
        return [one for one in typed if one.principal.profile != Profile.TEACHER]


def consequences(user: User) -> Consequences:
    """Return what ending the account would do; nothing is changed. A fixed number of queries."""
    memberships = offices.memberships(user)
    alone = [one.collectivity.name for one in memberships if one.last_manager]
    refusal = _operator(user) or (offices.last_manager_sentence(alone) if alone else "")
    return Consequences(
        refusal=refusal,
        seats=subscriptions.held(user),
        subscriptions=subscriptions.credited(user),
        shared=classes.shared(user),
        orders=orders.under_way(user),
        invoiced=orders.invoiced(user),
        offices=[one.collectivity.name for one in memberships if one.left_at is None],
        journals=[one.collectivity.name for one in memberships],
    )


@transaction.atomic
def close_account(*, user_id: int, at: datetime.datetime) -> User:
    """End the account of the person who asks, and return the row, which names nobody any more.

    Licences become free, memberships end, what waited in the outbox is cancelled, and a farewell leaves for the
    address of before. Ending an account again sweeps up what was written to it meanwhile, and is otherwise the same as
    once. Raises `OperatorStays` and `collectivities.exceptions.LastManager`, having changed nothing.
    """
    # The account, its outbox and its schools are the portal's, wherever this is asked.
    with schema_context(get_public_schema_name()):
        return _close(user_id, at)


def _close(user_id: int, at: datetime.datetime) -> User:
    user = accounts.locked(user_id)
    again = user.erased_at is not None
    if why := _operator(user):
        raise OperatorStays(why)
    addresses = {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)} - {""}
    said = {"username": user.username, "first_name": user.first_name}
    recipient = user.email
    offices.leave_all(user, addresses=addresses, at=at)
    was_shared = classes.shared(user)
    subscriptions.release_all(user, at=at)
    classes.leave_all(user, was_shared=was_shared, at=at)
    orders.end_drafts(user, addresses=addresses, at=at)
    schools.leave_all(user, at=at)
    accounts.erase(user, at=at)
    if not again:
        # By name, and to the address of before: the row can tell neither any more. Both go once it has left.
        enqueue(kind=FAREWELL, recipient=recipient, at=at, topic=FAREWELL, topic_id=user.pk, context=said)
        defer("pages.close_account_again", schema=get_public_schema_name(), at=at + ONCE_MORE_AFTER, user_id=user.pk)
    return user


def _operator(user: User) -> str:
    if not (user.is_staff or user.is_superuser):
        return ""
    return "Ce compte est celui de l'exploitation du site : il ne se supprime pas d'ici."
