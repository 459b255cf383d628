"""Requests for an office: made by visitors on the portal, decided by the operator. All of it in the public schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django_tenants.utils import schema_context

from collectivities.exceptions import AlreadyDecided, Refused
from collectivities.operations.members import checked_address
from collectivities.operations.offices import open_office
from mailing.operations import enqueue
from tenants import naming
from tenants.models import OfficeRequest

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from tenants.models import Collectivity


@transaction.atomic
def ask_for_office(
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
    """Note a visitor's request, tell the operator, and send the visitor a receipt.

    The same request while the first is pending is the first: nobody is written to again. Raises `Refused` for a SIREN
    that cannot be one and `InvalidAddress`; whether the collectivity has an office is told to nobody.
    """
    siren, email = naming.clean_siren(siren), checked_address(email)
    problem = naming.problem_of_siren(siren)
    if problem is not None:
        raise Refused(problem)
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
        _write(request, "office_requested", email, at)
        if settings.OPERATOR_EMAIL:
            _write(request, "office_request_arrived", settings.OPERATOR_EMAIL, at)
    return request


@transaction.atomic
def accept_request(
    *, request_id: int, by: User, at: datetime.datetime, slug: str = "", key_prefix: str = ""
) -> Collectivity:
    """Open the office that was asked for and invite the applicant as its first manager; return the collectivity.

    Raises `AlreadyDecided`, and `OpeningRefused` having decided nothing.
    """
    request = _undecided(request_id)
    collectivity = open_office(
        name=request.name,
        kind=request.kind,
        siren=request.siren,
        slug=slug,
        key_prefix=key_prefix,
        manager_email=request.email,
        by=by,
        at=at,
    )
    request.state, request.collectivity = OfficeRequest.State.ACCEPTED, collectivity
    request.decided_at, request.decided_by = at, by
    request.save()
    return collectivity


@transaction.atomic
def decline_request(*, request_id: int, reason: str, by: User, at: datetime.datetime) -> OfficeRequest:
    """Decline a request and tell the applicant why. Raises `AlreadyDecided`; `Refused` without a reason."""
    if not reason.strip():
        raise Refused("Indiquez le motif du refus : il est envoyé au demandeur.")
    request = _undecided(request_id)
    request.state, request.reason = OfficeRequest.State.DECLINED, reason.strip()
    request.decided_at, request.decided_by = at, by
    request.save()
    _write(request, "office_declined", request.email, at)
    return request


def _undecided(request_id: int) -> OfficeRequest:
    """Lock a request that nobody decided. Raises `AlreadyDecided`."""
    request = OfficeRequest.objects.select_for_update(of=("self",), no_key=True).get(pk=request_id)
    if request.state != OfficeRequest.State.PENDING:
        raise AlreadyDecided(
            f"Cette demande a déjà été traitée ({request.get_state_display().lower()}) : rien n'a été changé."
        )
    return request


def _write(request: OfficeRequest, kind: str, recipient: str, at: datetime.datetime) -> None:
    enqueue(kind=kind, recipient=recipient, at=at, topic="office_request", topic_id=request.pk)
