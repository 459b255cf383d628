"""Handover of a school to a new principal, with its subscriptions."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from licensing.entitlements.models import Subscription
from schools import principals as principal_operations
from schools.models import Affiliation
from schools.principals import ConfirmationResult


@sensitive_variables("token")
@transaction.atomic
def confirm_principal(
    *, token: str, replaced: Collection[int], kept: Collection[int], at: datetime.datetime
) -> ConfirmationResult:
    """Verify the principal of a confirmation link, and transfer the school's subscriptions to them.

    Transferred: those of replaced and departed principals. Remaining principals keep the subscriptions credited to
    them. Raises what `confirm_verification` raises.
    """
    confirmed = principal_operations.confirm_verification(token=token, replaced=replaced, kept=kept, at=at)
    _transfer(confirmed.affiliation.school_id, confirmed.replaced, to=confirmed.affiliation.user)
    return confirmed


def _transfer(school_id: str | None, replaced: list[User], *, to: User) -> None:
    still_affiliated = Affiliation.objects.filter(user=OuterRef("principal"), school=OuterRef("school"))
    to_transfer = Subscription.objects.filter(Q(principal__in=replaced) | ~Exists(still_affiliated), school=school_id)
    subscription_ids = [subscription.pk for subscription in to_transfer.locked()]
    Subscription.objects.filter(pk__in=subscription_ids).update(principal=to)
