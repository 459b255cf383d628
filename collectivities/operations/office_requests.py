"""Requests for an office: submitted on the portal, accepted or declined by the operator. In the public schema."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.db import transaction
from django_tenants.utils import schema_context

from accounts.models import User
from collectivities.exceptions import AlreadyDecided, CollectivityError
from collectivities.operations.members import clean_email
from collectivities.operations.offices import open_office
from mailing.operations import enqueue
from tenants import identifiers
from tenants.models import Collectivity, OfficeRequest


@transaction.atomic
def request_office(
    *,
    name: str,
    kind: str,
    siren: str,
    applicant: str,
    email: str,
    at: datetime.datetime,
    role: str = "",
    phone: str = "",
    message: str = "",
) -> OfficeRequest:
    """Store a visitor's request, notify the operator and acknowledge it to the visitor.

    A duplicate of a pending request returns the pending one and sends nothing. Raises `CollectivityError` for an
    invalid SIREN, and `InvalidAddress`. Does not reveal whether the collectivity already has an office.
    """
    siren, email = identifiers.clean_siren(siren), clean_email(email)
    problem = identifiers.check_siren(siren)
    if problem is not None:
        raise CollectivityError(problem)
    pending = OfficeRequest.objects.filter(state=OfficeRequest.State.PENDING, siren=siren, email__iexact=email).first()
    if pending is not None:
        return pending
    request = OfficeRequest.objects.create(
        name=name,
        kind=kind,
        siren=siren,
        applicant=applicant,
        role=role,
        email=email,
        phone=phone,
        message=message,
        created_at=at,
    )
    with schema_context("public"):
        _enqueue(request, "office_requested", email, at)
        if settings.OPERATOR_EMAIL:
            _enqueue(request, "office_request_arrived", settings.OPERATOR_EMAIL, at)
    return request


@transaction.atomic
def accept_request(
    *, request_id: int, by: User, at: datetime.datetime, slug: str = "", key_prefix: str = ""
) -> Collectivity:
    """Open the requested office and invite the applicant as its first manager; return the collectivity.

    Raises `AlreadyDecided`, and `OpeningRefused`, having changed nothing.
    """
    request = _lock_pending(request_id)
    collectivity = open_office(
        name=request.name,
        kind=request.kind,
        siren=request.siren,
        slug=slug,
        key_prefix=key_prefix,
        manager_email=request.email,
        contact_name=request.applicant,
        contact_phone=request.phone,
        by=by,
        at=at,
    )
    request.state, request.collectivity = OfficeRequest.State.ACCEPTED, collectivity
    request.decided_at, request.decided_by = at, by
    request.save()
    return collectivity


@transaction.atomic
def decline_request(*, request_id: int, reason: str, by: User, at: datetime.datetime) -> OfficeRequest:
    """Decline a request and e-mail the reason. Raises `AlreadyDecided`; `CollectivityError` without a reason."""
    if not reason.strip():
        raise CollectivityError("Indiquez le motif du refus : il est envoyé au demandeur.")
    request = _lock_pending(request_id)
    request.state, request.reason = OfficeRequest.State.DECLINED, reason.strip()
    request.decided_at, request.decided_by = at, by
    request.save()
    _enqueue(request, "office_declined", request.email, at)
    return request


def _lock_pending(request_id: int) -> OfficeRequest:
    """Lock and return a pending request. Raises `AlreadyDecided`."""
    request = OfficeRequest.objects.locked().get(pk=request_id)
    if request.state != OfficeRequest.State.PENDING:
        raise AlreadyDecided(
            f"Cette demande a déjà été traitée ({request.get_state_display().lower()}) : rien n'a été changé."
        )
    return request


def _enqueue(request: OfficeRequest, kind: str, recipient: str, at: datetime.datetime) -> None:
    enqueue(kind=kind, recipient=recipient, at=at, topic="office_request", topic_id=request.pk)
