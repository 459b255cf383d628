"""Say that nothing is renewed, or take it back."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from licensing.renewals.exceptions import BadRenewalReason
from licensing.renewals.models import MAX_REASON, Renewal, RenewalState
from licensing.renewals.operations.renewal_lock import lock_renewal, save_change


@transaction.atomic
def decline_renewal(*, year: int, version: int, reason: str, by: User | None, at: datetime.datetime) -> Renewal:
    """Decline a renewal that is open, with a sentence that the office's members read; return it.

    Raises `BadRenewalReason`, `RenewalChanged`, `RenewalNotOpen` or `WrongRenewalState`.
    """
    sentence = " ".join(reason.split())
    if not sentence:
        raise BadRenewalReason("Dites en une phrase pourquoi rien n'est reconduit : les membres du bureau la liront.")
    if len(sentence) > MAX_REASON:
        raise BadRenewalReason(f"{MAX_REASON} caractères au plus : ici, {len(sentence)}. Abrégez.")
    found = lock_renewal(year, version, RenewalState.OPEN, at=at)
    renewal = found.renewal
    assert renewal is not None  # noqa: S101 - locked, so made
    renewal.declined_at, renewal.declined_by_id = at, by.pk if by else None
    renewal.decline_reason = sentence
    return save_change(found, action="declined", summary=f"laissée sans suite, « {sentence} »", by=by, at=at)


@transaction.atomic
def reopen_renewal(*, year: int, version: int, by: User | None, at: datetime.datetime) -> Renewal:
    """Open a renewal again that was declined; return it. Raises what `decline_renewal` raises of its state."""
    found = lock_renewal(year, version, RenewalState.DECLINED, at=at)
    renewal = found.renewal
    assert renewal is not None  # noqa: S101 - locked, so made
    renewal.declined_at = renewal.declined_by_id = None
    renewal.decline_reason = ""
    return save_change(found, action="reopened", summary="rouverte", by=by, at=at)
