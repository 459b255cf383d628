"""What the operator looks at first: what a platform did not take, what it does not answer, and what is on its way."""

from __future__ import annotations

import datetime

from django.db.models import Exists, OuterRef, QuerySet

from licensing.billing.invoicing import list_undeposited
from licensing.billing.models import Invoice, PlatformStatus
from licensing.billing.transmission.models import (
    PENDING_STATES,
    Transmission,
    TransmissionKind,
    TransmissionState,
)


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
