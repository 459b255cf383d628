"""A school that changes hands: its mailbox named who leads it, and its subscriptions follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.views.decorators.debug import sensitive_variables

from licensing.subscriptions.models import Subscription
from schools.heads import operations as heads
from schools.models import Affiliation

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from accounts.models import User
    from schools.heads.operations import Confirmed


@sensitive_variables("token")
@transaction.atomic
def confirm(*, token: str, replaced: Collection[int], kept: Collection[int], at: datetime.datetime) -> Confirmed:
    """Verify the principal whom a link names, and credit him with what his predecessors had activated for the school.

    Theirs, and what belongs to those who left it: a school's licences never stay in the account of one who is gone.
    The heads who stay keep what is theirs; all who are verified share it. Raises what `heads.confirm` raises.
    """
    done = heads.confirm(token=token, replaced=replaced, kept=kept, at=at)
    _pass_on(done.affiliation.school_id, done.replaced, to=done.affiliation.user)
    return done


def _pass_on(school_id: str | None, predecessors: list[User], *, to: User) -> None:
    still_here = Affiliation.objects.filter(user=OuterRef("principal"), school=OuterRef("school"))
    of_those_gone = Subscription.objects.filter(Q(principal__in=predecessors) | ~Exists(still_here), school=school_id)
    numbers = [subscription.pk for subscription in of_those_gone.locked()]
    Subscription.objects.filter(pk__in=numbers).update(principal=to)
