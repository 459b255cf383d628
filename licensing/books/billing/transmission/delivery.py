"""Calls to the platforms, whose answers are then recorded. Never inside a transaction: a call may take seconds.

A process killed in between loses nothing: what was sent is sent again under the same tracking id, which the platform
knows, and the next question returns the same story.
"""

import datetime
import logging
from collections.abc import Collection
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from licensing.books.billing.cii import DOCUMENT_TYPES
from licensing.books.billing.invoicing import get_or_create_document, list_undeposited
from licensing.books.billing.models import InvoiceKind, PlatformState
from licensing.books.billing.transmission import operations, platforms
from licensing.books.billing.transmission.cdar import CollectedAmount, CollectionStatement
from licensing.books.billing.transmission.models import Transmission, TransmissionKind, TransmissionState
from licensing.books.billing.transmission.operations import request_transmissions
from licensing.catalogue.models import Seller
from licensing.orders import siret_numbers

#: How many are asked for at once; the next run takes the others.
_MOST = 200


def request_automatically(*, at: datetime.datetime) -> int:
    """Ask for all that is to be deposited to be sent, if the seller chose so; return how many.

    What a platform refused once waits for the operator.
    """
    if not Seller.objects.filter(transmits_automatically=True).exists():
        return 0
    asked = 0
    for route in platforms.list_configured_routes():
        refused = Exists(Transmission.objects.filter(invoice=OuterRef("pk")))
        waiting = list(list_undeposited(route).exclude(refused).values_list("pk", flat=True)[:_MOST])
        asked += request_transmissions(invoice_ids=waiting, by=None, at=at)
    return asked


def build_collection_statement(transmission: Transmission) -> CollectionStatement:
    """Return what a transmission declares as collected: « at », « amounts » and « comment » of its content.

    Raises `NotSupported` for another state.
    """
    content, invoice = transmission.content, transmission.get_invoice()
    if content["state"] != PlatformState.COLLECTED:
        raise platforms.NotSupported("Une plateforme agréée ne reçoit de nous que l'encaissement.")
    buyer, seller = invoice.snapshot["buyer"], invoice.snapshot["seller"]
    # Older snapshots have the SIREN only where there is no SIRET.
    siren = buyer.get("siren") or buyer["siret"][: siret_numbers.SIREN_LENGTH]
    return CollectionStatement(
        message_id=transmission.tracking_id,
        invoice_number=invoice.number,
        invoice_type=DOCUMENT_TYPES[InvoiceKind(invoice.kind)],
        invoice_date=invoice.issued_on,
        seller_siren=seller["siret"][: siret_numbers.SIREN_LENGTH],
        seller_name=seller["name"],
        buyer_siren=siren,
        buyer_name=buyer["name"],
        buyer_address="_".join(filter(None, (siren, buyer["siret"]))),
        at=datetime.datetime.fromisoformat(content["at"]),
        made_at=transmission.asked_at,
        amounts=[
            CollectedAmount(vat_rate=Decimal(one["rate"]), amount=Decimal(one["amount"])) for one in content["amounts"]
        ],
        comment=content.get("comment", ""),
    )


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
            story = platforms.get_platform(transmission.route).fetch_story(transmission)
            operations.record_story(transmission_id=transmission.pk, story=story, at=timezone.now())
    except (platforms.PlatformRefuses, platforms.NotSupported) as refusal:
        if transmission.state != TransmissionState.TO_SEND:
            # What was sent is there: only the question was refused.
            _record_silence(transmission, str(refusal))
        else:
            operations.record_refusal(transmission_id=transmission.pk, message=str(refusal), at=timezone.now())
    except (platforms.PlatformSilent, platforms.PlatformNotConfigured) as silence:
        _record_silence(transmission, str(silence))
        return False
    except Exception:  # a failure must not block the others; asked again later
        logger.exception("%s: nothing was learnt", transmission)
        _record_silence(transmission, _UNEXPECTED)
    return True


def _send(transmission: Transmission) -> str:
    platform = platforms.get_platform(transmission.route)
    if transmission.kind == TransmissionKind.REPORT:
        return platform.report(transmission.tracking_id, transmission.content)
    if transmission.kind == TransmissionKind.STATE:
        # Raises `DoesNotExist` where the platform did not take the invoice.
        Transmission.objects.get(
            kind=TransmissionKind.INVOICE, invoice=transmission.invoice_id, state=TransmissionState.ACCEPTED
        )
        return platform.declare_collected(build_collection_statement(transmission))
    invoice = transmission.get_invoice()
    corrected = invoice.corrects
    if corrected is not None and corrected.get_rejection() is not None:
        raise platforms.NotSupported(f"La facture {corrected} a été rejetée ou refusée : son avoir ne se transmet pas.")
    document = get_or_create_document(invoice, at=timezone.now())
    return platform.send(transmission, bytes(document.content))


def _record_silence(transmission: Transmission, message: str) -> None:
    operations.record_silence(transmission_id=transmission.pk, message=message, at=timezone.now())
