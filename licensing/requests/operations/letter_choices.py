"""Whether somebody wants the letter that tells of waiting teachers; that of an office is a choice of its member."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from licensing.requests.models import MutedLetter


@transaction.atomic
def set_letters(*, user: User, wanted: bool, at: datetime.datetime) -> None:
    """Have the letter about the teachers of their schools sent to the user, or not. Idempotent."""
    if wanted:
        MutedLetter.objects.filter(user=user).delete()
    else:
        MutedLetter.objects.bulk_create([MutedLetter(user=user, muted_at=at)], ignore_conflicts=True)
