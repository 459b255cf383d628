"""Ask for a transmission, and record what its platform answers. Each locks the order first, then the transmission."""

import datetime
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django_tenants.utils import get_public_schema_name

from accounts.models import User
from core.exceptions import Refusal
from core.foreign_values import clean_line
from jobs.tasks import defer_once
from licensing.books.billing.invoicing import list_undeposited, lock_undeposited
from licensing.books.billing.models import (
    PAYING_STATES,
    REASONED_STATES,
    REJECTED_STATES,
    Invoice,
    PlatformState,
    PlatformStatus,
)
from licensing.books.billing.operations import save_status
from licensing.books.billing.transmission import platforms
from licensing.books.billing.transmission.models import (
    PENDING_STATES,
    Transmission,
    TransmissionKind,
    TransmissionState,
)
from licensing.books.billing.transmission.platforms import PlatformStory, StoryEntry
from licensing.orders import order_events
from licensing.orders.exceptions import NoReason
from licensing.orders.order_events import lock_order


def list_refused() -> QuerySet[Transmission]:
    """Return the last transmission of each invoice that its platform did not take, and that is to be deposited."""
    of_invoices = Transmission.objects.filter(kind=TransmissionKind.INVOICE)
    later = of_invoices.filter(invoice=OuterRef("invoice"), pk__gt=OuterRef("pk"))
    refused = of_invoices.filter(state=TransmissionState.REJECTED, invoice__in=list_undeposited().values("pk"))
    return refused.exclude(Exists(later)).select_related("invoice").order_by("pk")


def list_silent(at: datetime.datetime) -> QuerySet[Transmission]:
    """Return what a platform has not answered for two days, the longest first."""
    return _list_awaited(Transmission.objects.silent(at))


def list_under_way(at: datetime.datetime) -> QuerySet[Transmission]:
    """Return what is to be sent, or awaits its platform's answer, for less than two days."""
    pending = Transmission.objects.filter(state__in=PENDING_STATES)
    return _list_awaited(pending.exclude(pk__in=Transmission.objects.silent(at)))


def _list_awaited(transmissions: QuerySet[Transmission]) -> QuerySet[Transmission]:
    """Leave out invoices of which the operator noted what the platform said: nothing is awaited from here."""
    noted = PlatformStatus.objects.effective().filter(invoice=OuterRef("invoice"))
    awaited = transmissions.exclude(Exists(noted), kind=TransmissionKind.INVOICE)
    return awaited.select_related("invoice").order_by("asked_at", "pk")


def get_latest_transmission(invoice: Invoice) -> Transmission | None:
    """Return the last transmission of an invoice itself; None if there is none."""
    return invoice.transmissions.filter(kind=TransmissionKind.INVOICE).order_by("pk").last()


#: Background task that asks the platforms about what is due.
DELIVERY_TASK = "billing.transmission.deliver"
#: Delays between two questions: they double from the first to the last.
_FIRST_RETRY, _LAST_RETRY = datetime.timedelta(minutes=1), datetime.timedelta(hours=6)
#: An invoice is followed every quarter of its age on the platform, within these bounds, for so long.
_SOONEST_LOOK, _LATEST_LOOK = datetime.timedelta(minutes=5), datetime.timedelta(hours=12)
_FOLLOWED_FOR = datetime.timedelta(days=400)
#: Letters of a platform's reason that are kept.
_MAX_REASON = 2_000
_NO_REASON = "La plateforme ne donne pas de motif."


@transaction.atomic
def request_transmissions(*, invoice_ids: Collection[int], by: User | None, at: datetime.datetime) -> int:
    """Ask for invoices and credit notes to be sent to their platform; return how many were not on their way yet.

    Those already deposited, or of a route without a platform, are left out. `by`: None where the site sends by itself.
    """
    asked = 0
    for invoice in lock_undeposited(invoice_ids):
        if invoice.route is None or not platforms.is_configured(invoice.route):
            continue
        rank = invoice.transmissions.filter(kind=TransmissionKind.INVOICE).count() + 1
        _create(
            kind=TransmissionKind.INVOICE,
            tracking_id=f"{invoice.number}-{rank}",
            route=invoice.route,
            invoice=invoice,
            by=by,
            at=at,
        )
        asked += 1
    if asked:
        defer_delivery()
    return asked


@transaction.atomic
def request_declared_state(
    *, invoice_id: int, tracking_id: str, content: dict[str, Any], by: User | None, at: datetime.datetime
) -> Transmission:
    """Ask for a state to be told to the platform that took an invoice; return the transmission. Idempotent.

    `content`: « state », « at » and « amounts », as `delivery.build_collection_statement` reads them. Raises
    `Refusal` where the invoice is not on a platform by us.
    """
    lock_order(Invoice.objects.values_list("order_id", flat=True).get(pk=invoice_id))
    if known := Transmission.objects.filter(tracking_id=tracking_id).first():
        return known
    sent = Transmission.objects.filter(
        kind=TransmissionKind.INVOICE, invoice=invoice_id, state=TransmissionState.ACCEPTED
    ).first()
    if sent is None or sent.invoice is None:
        raise Refusal("nothing_to_transmit", "Cette facture n'a pas été transmise d'ici : son état ne se déclare pas.")
    declared = _create(
        kind=TransmissionKind.STATE,
        tracking_id=tracking_id,
        route=sent.route,
        invoice=sent.invoice,
        content=content,
        by=by,
        at=at,
    )
    defer_delivery()
    return declared


@transaction.atomic
def request_report(
    *, tracking_id: str, route: str, content: dict[str, Any], by: User | None, at: datetime.datetime
) -> Transmission:
    """Ask for a period to be declared by a platform; return the transmission. Idempotent.

    `content`: « begins_on », « ends_on » and the figures. Raises `PlatformNotConfigured`.
    """
    platforms.get_platform(route)
    if known := Transmission.objects.filter(tracking_id=tracking_id).first():
        return known
    report = _create(kind=TransmissionKind.REPORT, tracking_id=tracking_id, route=route, content=content, by=by, at=at)
    defer_delivery()
    return report


def _create(*, by: User | None, at: datetime.datetime, **columns: Any) -> Transmission:
    return Transmission.objects.create(asked_by=by, asked_at=at, next_try_at=at, **columns)


def defer_delivery() -> None:
    """Queue the task that asks the platforms, unless it waits already.

    After the last lock of an order: whoever queues it waits for another who has, until that transaction ends.
    """
    defer_once(DELIVERY_TASK, schema=get_public_schema_name(), queueing_lock=DELIVERY_TASK)


@transaction.atomic
def record_sent(*, transmission_id: int, reference: str, at: datetime.datetime) -> Transmission:
    """Record that a platform took what was sent, under its number; return the transmission. Idempotent."""
    transmission = _lock(transmission_id)
    if transmission.state != TransmissionState.TO_SEND:
        return transmission
    transmission.state, transmission.reference, transmission.sent_at = TransmissionState.SENT, reference, at
    transmission.message, transmission.failures, transmission.next_try_at = "", 0, at + _SOONEST_LOOK
    transmission.save(update_fields=["state", "reference", "sent_at", "message", "failures", "next_try_at"])
    if transmission.kind == TransmissionKind.INVOICE:
        _record_event(transmission, "platform_sent", f"transmise à {_name(transmission)}, dépôt {reference}.", at=at)
    return transmission


@transaction.atomic
def record_silence(*, transmission_id: int, message: str, at: datetime.datetime) -> Transmission:
    """Record that a platform did not answer, and when it is asked again; return the transmission."""
    transmission = _lock(transmission_id)
    if transmission.next_try_at is None:
        return transmission
    delay = min(_FIRST_RETRY * 2 ** min(transmission.failures, 20), _LAST_RETRY)
    transmission.failures += 1
    transmission.message, transmission.next_try_at = message, at + delay
    transmission.save(update_fields=["failures", "message", "next_try_at"])
    return transmission


@transaction.atomic
def record_refusal(*, transmission_id: int, message: str, at: datetime.datetime) -> Transmission:
    """Record that a platform refused what was sent before taking it, in its words; return the transmission.

    The invoice is then to be deposited again: nothing of it is on the platform.
    """
    transmission = _lock(transmission_id)
    if transmission.state != TransmissionState.TO_SEND:
        return transmission
    transmission.state, transmission.message, transmission.next_try_at = TransmissionState.REJECTED, message, None
    transmission.save(update_fields=["state", "message", "next_try_at"])
    if transmission.kind == TransmissionKind.INVOICE:
        _record_event(transmission, "platform_not_sent", f"refusée par {_name(transmission)} : {message}", at=at)
    return transmission


@transaction.atomic
def give_up(*, transmission_id: int, reason: str, by: User, at: datetime.datetime) -> Transmission:
    """Stop waiting for a platform that has not answered for two days; return the transmission. Idempotent.

    The invoice is then to be deposited again. Raises `NoReason`, or `Refusal` where the platform did answer.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise NoReason("Dites pourquoi cette transmission est abandonnée : l'historique de la commande le garde.")
    transmission = _lock(transmission_id)
    if transmission.state == TransmissionState.REJECTED:
        return transmission
    is_answered = transmission.invoice is None or transmission.invoice.statuses.exclude(external_id="").exists()
    if is_answered or not Transmission.objects.silent(at).filter(pk=transmission.pk).exists():
        raise Refusal(
            "nothing_to_transmit", "La plateforme a répondu, ou a moins de deux jours de retard : attendez-la."
        )
    deposit = f", dépôt {transmission.reference}" if transmission.reference else ""
    _record_event(transmission, "platform_given_up", f"transmission abandonnée{deposit} : {reason}", by=by, at=at)
    # As one that was never taken: nothing that is known of it is on the platform.
    transmission.state, transmission.sent_at, transmission.next_try_at = TransmissionState.REJECTED, None, None
    transmission.message = f"Transmission abandonnée : {reason}"
    transmission.save(update_fields=["state", "sent_at", "next_try_at", "message"])
    return transmission


@transaction.atomic
def record_story(*, transmission_id: int, story: PlatformStory, at: datetime.datetime) -> Transmission:
    """Record the whole story that a platform tells of what was sent; return the transmission. Idempotent.

    Each of its states is recorded once, by its external id, and at the platform's date.
    """
    transmission = _lock(transmission_id)
    if transmission.state not in (TransmissionState.SENT, TransmissionState.ACCEPTED):
        return transmission
    if transmission.invoice is not None:
        _record_states(transmission.invoice, [*story.entries, *_infer_rejection(transmission, story, at=at)])
    if not (story.verdict == TransmissionState.SENT and transmission.state == TransmissionState.ACCEPTED):
        transmission.state = story.verdict
    transmission.message, transmission.failures = story.message, 0
    transmission.next_try_at = None if _is_over(transmission, at=at) else at + _get_look_delay(transmission, at=at)
    transmission.save(update_fields=["state", "message", "failures", "next_try_at"])
    return transmission


def _infer_rejection(
    transmission: Transmission, story: PlatformStory, *, at: datetime.datetime
) -> Iterable[StoryEntry]:
    """Yield the rejection of a file that its story does not tell as a state: its invoice is to be made anew."""
    is_in_story = any(entry.state in REJECTED_STATES for entry in story.entries)
    if (
        story.verdict == TransmissionState.REJECTED
        and not is_in_story
        and transmission.kind == TransmissionKind.INVOICE
    ):
        yield StoryEntry(
            state=PlatformState.REJECTED,
            reason=story.message,
            at=at,
            external_id=f"deposit-{transmission.reference}"[:120],
        )


def _record_states(invoice: Invoice, entries: Iterable[StoryEntry]) -> None:
    known = set(invoice.statuses.exclude(external_id="").values_list("external_id", flat=True))
    for entry in sorted(entries, key=lambda one: one.at):
        if entry.external_id in known:
            continue
        known.add(entry.external_id)
        reason = clean_line(entry.reason, _MAX_REASON) or (_NO_REASON if entry.state in REASONED_STATES else "")
        status = PlatformStatus(
            invoice=invoice, state=entry.state, reason=reason, at=entry.at, external_id=entry.external_id
        )
        save_status(invoice.order, status)


def _is_over(transmission: Transmission, *, at: datetime.datetime) -> bool:
    """Return whether nothing more is expected of the platform."""
    if transmission.state == TransmissionState.REJECTED:
        return True
    if transmission.kind != TransmissionKind.INVOICE or transmission.invoice is None:
        return transmission.state == TransmissionState.ACCEPTED
    if transmission.state == TransmissionState.SENT:
        # Whatever was noted by hand meanwhile: the platform has yet to say whether it takes it.
        return False
    last = transmission.invoice.get_latest_status()
    if last is not None and last.state in REJECTED_STATES | PAYING_STATES:
        return True
    return transmission.sent_at is not None and at - transmission.sent_at > _FOLLOWED_FOR


def _get_look_delay(transmission: Transmission, *, at: datetime.datetime) -> datetime.timedelta:
    age = at - (transmission.sent_at or at)
    return min(max(age / 4, _SOONEST_LOOK), _LATEST_LOOK)


def _lock(transmission_id: int) -> Transmission:
    order_id = Transmission.objects.values_list("invoice__order_id", flat=True).get(pk=transmission_id)
    if order_id is not None:
        lock_order(order_id)
    return Transmission.objects.locked().get(pk=transmission_id)


def _name(transmission: Transmission) -> str:
    return "Chorus Pro" if transmission.route == "chorus_pro" else "la plateforme agréée"


def _record_event(
    transmission: Transmission, action: str, what: str, *, at: datetime.datetime, by: User | None = None
) -> None:
    invoice = transmission.invoice
    if invoice is not None:
        summary = f"{invoice.get_kind_display()} {invoice.number} – {what}"
        order_events.record(invoice.order, action, summary, by=by or transmission.asked_by, at=at)
