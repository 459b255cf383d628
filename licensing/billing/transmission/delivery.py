"""Calls to the platforms, whose answers are then recorded. Never inside a transaction: a call may take seconds.

A process killed in between loses nothing: what was sent is sent again under the same tracking id, which the platform
knows, and the next question returns the same story.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from licensing.billing.transmission import operations, parcels
from licensing.billing.transmission.exceptions import (
    NotSupported,
    PlatformNotConfigured,
    PlatformRefuses,
    PlatformSilent,
)
from licensing.billing.transmission.models import Transmission, TransmissionKind, TransmissionState
from licensing.billing.transmission.platforms import get_platform

logger = logging.getLogger(__name__)
#: For how long nobody else asks about a transmission: longer than its platform may take to answer.
LEASE = datetime.timedelta(minutes=10)
_UNEXPECTED = "Ce qu'a répondu la plateforme n'a pas pu être lu. La demande est refaite d'elle-même."


def deliver_due(*, most: int = 500) -> int:
    """Send what is to be sent, and fetch the story of what is not over; return for how many the platform answered.

    A platform that does not answer is left alone until the next run: each question may take a minute.
    """
    done = 0
    silent_routes: set[str] = set()
    for _ in range(most):
        transmission = claim_next(at=timezone.now(), except_routes=silent_routes)
        if transmission is None:
            break
        if deliver(transmission):
            done += 1
        else:
            silent_routes.add(transmission.route)
    return done


@transaction.atomic
def claim_next(*, at: datetime.datetime, except_routes: Collection[str] = ()) -> Transmission | None:
    """Return the transmission that is due for the longest, and hold it for `LEASE`; None if there is none."""
    due = Transmission.objects.due(at).exclude(route__in=except_routes)
    transmission = due.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
    if transmission is not None:
        transmission.next_try_at = at + LEASE
        transmission.save(update_fields=["next_try_at"])
    return transmission


def deliver(transmission: Transmission) -> bool:
    """Ask the platform about one transmission, and record its answer; return whether the platform answered at all."""
    try:
        if transmission.state == TransmissionState.TO_SEND:
            reference = _send(transmission)
            operations.record_sent(transmission_id=transmission.pk, reference=reference, at=timezone.now())
        else:
            story = get_platform(transmission.route).fetch_story(parcels.describe_sent(transmission))
            operations.record_story(transmission_id=transmission.pk, story=story, at=timezone.now())
    except (PlatformRefuses, NotSupported) as refusal:
        if transmission.state != TransmissionState.TO_SEND:
            # What was sent is there: only the question was refused.
            _record_silence(transmission, str(refusal))
        else:
            operations.record_refusal(transmission_id=transmission.pk, message=str(refusal), at=timezone.now())
    except (PlatformSilent, PlatformNotConfigured) as silence:
        _record_silence(transmission, str(silence))
        return False
    except Exception:  # a failure must not block the others; asked again later
        logger.exception("%s: nothing was learnt", transmission)
        _record_silence(transmission, _UNEXPECTED)
    return True


def _send(transmission: Transmission) -> str:
    platform = get_platform(transmission.route)
    if transmission.kind == TransmissionKind.REPORT:
        return platform.report(parcels.build_declaration(transmission))
    if transmission.kind == TransmissionKind.STATE:
        sent = Transmission.objects.get(
            kind=TransmissionKind.INVOICE, invoice=transmission.invoice_id, state=TransmissionState.ACCEPTED
        )
        return platform.declare_state(parcels.describe_sent(sent), parcels.build_declared_state(transmission))
    corrected = transmission.invoice and transmission.invoice.corrects
    if corrected is not None and corrected.get_rejection() is not None:
        raise NotSupported(f"La facture {corrected} a été rejetée ou refusée : son avoir ne se transmet pas.")
    return platform.send(parcels.build_parcel(transmission, at=timezone.now()))


def _record_silence(transmission: Transmission, message: str) -> None:
    operations.record_silence(transmission_id=transmission.pk, message=message, at=timezone.now())
