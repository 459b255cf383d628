"""Open a collectivity's office: schema, domain, settings, invitation of the first manager."""

import datetime
from collections.abc import Collection

from django.conf import settings
from django.db import transaction
from django_tenants.utils import schema_context, tenant_context

from accounts import second_factor
from accounts.models import User
from collectivities import access, audit_log, logos
from collectivities.capabilities import FIRST_ROLES, Capability
from collectivities.exceptions import InvalidAddress, SecondFactorFirst
from collectivities.models import SECOND_FACTOR_RULE_TOPIC, OfficeSettings
from collectivities.operations.members import clean_email, invite
from collectivities.queries import list_reachable_members
from core.exceptions import DomainError, Refusal
from mailing import refusals
from mailing.models import Message
from mailing.operations import NewMessage, enqueue, enqueue_many
from tenants import provisioning, schema_snapshot
from tenants.models import Collectivity, OfficeRequest
from tenants.provisioning import OpeningRefused


@transaction.atomic
def write_anyway(*, message_ids: Collection[int], by: User, at: datetime.datetime) -> int:
    """Send those of the messages that wait for a hand, and record who decided it; return how many."""
    written = refusals.overrule(message_ids, at=at)
    messages = Message.objects.filter(pk__in=written).order_by("pk")
    audit_log.record_many(
        (
            audit_log.NewAuditEntry(
                "messages.overruled",
                f"E-mail envoyé quand même à {message.recipient}, adresse qui avait été refusée.",
                object_type="message",
                object_id=message.pk,
            )
            for message in messages
        ),
        by=by,
        at=at,
    )
    return len(written)


@transaction.atomic
def set_second_factor_requirement(*, needed: bool, by: User, at: datetime.datetime) -> OfficeSettings:
    """Require a second factor of buyers and managers from their next page, or stop requiring it. Idempotent.

    The other managers are told by e-mail. Raises `SecondFactorFirst` where the manager who requires it has none: they
    would be locked out.
    """
    OfficeSettings.objects.get_or_create(pk=1)
    settings = OfficeSettings.objects.locked().get(pk=1)
    if needed and not second_factor.is_enabled(by):
        raise SecondFactorFirst(
            "Activez d'abord la double authentification de votre propre compte : vous pourrez ensuite la demander aux "
            "gestionnaires et aux acheteurs."
        )
    if access.is_required(settings) == needed:
        return settings
    settings.second_factor_required = needed
    settings.save(update_fields=["second_factor_required"])
    audit_log.record(
        action="settings.second_factor_required" if needed else "settings.second_factor_optional",
        by=by,
        at=at,
        summary=(
            "La double authentification est demandée aux gestionnaires et aux acheteurs."
            if needed
            else "La double authentification n'est plus demandée aux gestionnaires et aux acheteurs."
        ),
    )
    _notify_other_managers(needed=needed, by=by, at=at)
    return settings


def _notify_other_managers(*, needed: bool, by: User, at: datetime.datetime) -> None:
    addresses = {one.user.email for one in list_reachable_members(Capability.MANAGE_OFFICE) if one.user_id != by.pk}
    enqueue_many(
        [
            NewMessage(
                kind=SECOND_FACTOR_RULE_TOPIC,
                recipient=address,
                topic=SECOND_FACTOR_RULE_TOPIC,
                topic_id=by.pk,
                about=f"{by} ({by.username})",
                context={"needed": needed},
            )
            for address in sorted(addresses)
        ],
        at=at,
    )


_LABELS = {
    "sender_name": "nom de l'expéditeur",
    "reply_to": "adresse de réponse",
    "contact_name": "personne à joindre",
    "contact_phone": "téléphone",
    "signature": "signature",
    "letter_note": "mot de la collectivité",
}


@transaction.atomic
def set_presentation(
    *,
    sender_name: str,
    reply_to: str,
    signature: str,
    by: User | None,
    at: datetime.datetime,
    contact_name: str = "",
    contact_phone: str = "",
    letter_note: str = "",
    logo: bytes | None = None,
    without_logo: bool = False,
) -> OfficeSettings:
    """Set what e-mails show of the collectivity; without `logo` or `without_logo`, the logo is kept.

    Raises `InvalidAddress`, `InvalidLogo`.
    """
    values = {
        "sender_name": " ".join(sender_name.split()),
        "reply_to": clean_email(reply_to) if reply_to.strip() else "",
        "contact_name": " ".join(contact_name.split()),
        "contact_phone": contact_phone.strip(),
        "signature": signature.strip().replace("\r\n", "\n"),
        "letter_note": " ".join(letter_note.split()),
    }
    # Before the lock: it takes some tenths of a second.
    png = None if logo is None else logos.reencode(logo)
    OfficeSettings.objects.get_or_create(pk=1)
    settings = OfficeSettings.objects.locked().get(pk=1)
    changed = [_LABELS[field] for field, value in values.items() if getattr(settings, field) != value]
    for field, value in values.items():
        setattr(settings, field, value)
    if png is not None:
        settings.logo = png
        changed.append("logo")
    elif without_logo and settings.logo is not None:
        settings.logo = None
        changed.append("logo retiré")
    if changed:
        settings.save()
        audit_log.record(action="settings.changed", by=by, at=at, summary=f"Réglages modifiés : {', '.join(changed)}.")
    return settings


def open_office(
    *,
    name: str,
    kind: str,
    siren: str,
    manager_email: str,
    by: User | None,
    at: datetime.datetime,
    slug: str = "",
    key_prefix: str = "",
    contact_name: str = "",
    contact_phone: str = "",
) -> Collectivity:
    """Open a collectivity's office and invite its first manager, all or nothing; return the collectivity.

    The first manager is a buyer too: alone in the office, they could do nothing without licences.
    `contact_name` and `contact_phone`: whom schools ask about their keys, until the settings say otherwise. `slug` and
    `key_prefix` are derived from the name where they are empty. Raises `OpeningRefused`.
    """
    problems: dict[str, str] = {}
    with schema_context("public"):
        try:
            planned = provisioning.plan(name=name, kind=kind, siren=siren, slug=slug, key_prefix=key_prefix)
        except OpeningRefused as refusal:
            problems = refusal.problems
    try:
        manager_email = clean_email(manager_email)
    except InvalidAddress as refusal:
        problems["manager_email"] = str(refusal)
    if problems:
        raise OpeningRefused(problems)

    with schema_context("public"):
        try:
            snapshot = schema_snapshot.get_current()
        except schema_snapshot.SnapshotMissing:
            raise OpeningRefused(
                {"": "Une mise à jour de Pep's est en cours : rien n'a été ouvert. Réessayez dans quelques minutes."}
            ) from None
        with transaction.atomic():
            collectivity = provisioning.provision(planned, snapshot, at=at)
            with tenant_context(collectivity):
                OfficeSettings.objects.create(
                    sender_name=collectivity.name[:100], contact_name=contact_name[:60], contact_phone=contact_phone
                )
                audit_log.record(
                    action="office.opened",
                    by=by,
                    at=at,
                    summary=f"Bureau ouvert pour {collectivity.name} (SIREN {collectivity.siren}).",
                )
                invite(email=manager_email, roles=FIRST_ROLES, by=by, at=at)
    return collectivity


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

    A duplicate of a pending request returns the pending one and sends nothing. Raises `DomainError` for an
    invalid SIREN, and `InvalidAddress`. Does not reveal whether the collectivity already has an office.
    """
    siren, email = provisioning.clean_siren(siren), clean_email(email)
    problem = provisioning.check_siren(siren)
    if problem is not None:
        raise DomainError(problem)
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

    Raises `Refusal`, and `OpeningRefused`, having changed nothing.
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
    """Decline a request and e-mail the reason. Raises `Refusal`; `DomainError` without a reason."""
    if not reason.strip():
        raise DomainError("Indiquez le motif du refus : il est envoyé au demandeur.")
    request = _lock_pending(request_id)
    request.state, request.reason = OfficeRequest.State.DECLINED, reason.strip()
    request.decided_at, request.decided_by = at, by
    request.save()
    _enqueue(request, "office_declined", request.email, at)
    return request


def _lock_pending(request_id: int) -> OfficeRequest:
    """Lock and return a pending request. Raises `Refusal`."""
    request = OfficeRequest.objects.locked().get(pk=request_id)
    if request.state != OfficeRequest.State.PENDING:
        raise Refusal(
            "already_decided",
            f"Cette demande a déjà été traitée ({request.get_state_display().lower()}) : rien n'a été changé.",
        )
    return request


def _enqueue(request: OfficeRequest, kind: str, recipient: str, at: datetime.datetime) -> None:
    enqueue(kind=kind, recipient=recipient, at=at, topic="office_request", topic_id=request.pk)
