"""Whether somebody wants the letters that tell of waiting requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.requests.models import MutedLetter
from licensing.requests.queries import filter_muted

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from tenants.models import Collectivity


@transaction.atomic
def set_letters(*, user: User, collectivity: Collectivity | None, wanted: bool, at: datetime.datetime) -> None:
    """Have the letter about an office's requests, or (None) their schools', sent to the user, or not. Idempotent."""
    if wanted:
        filter_muted(collectivity).filter(user=user).delete()
    elif not filter_muted(collectivity).filter(user=user).exists():
        MutedLetter.objects.bulk_create(
            [MutedLetter(user=user, collectivity=collectivity, muted_at=at)], ignore_conflicts=True
        )
