"""E-mails about a school's principals, rendered when they are sent, from the data of that moment."""

import datetime
import functools
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import is_elided
from core.links import add_token, portal_url
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message
from mailing.operations import NewMessage, enqueue_in_portal
from schools.models import Affiliation, PrincipalRequest, School
from schools.queries import is_link_usable
from schools.wording import format_school, mask_email

# Queue the e-mails of principal verification: to the official mailbox, and to the principals concerned.
#
# Queued in the caller's transaction, in the portal's outbox. A message holds ids and the school's UAI only: names,
# e-mail addresses and the link are read when it is sent.

VERIFICATION_REQUEST = "principal.verification_requested"
VERIFIED = "principal.verified"
JOINED = "principal.joined"
REPLACED = "principal.replaced"


def notify_mailbox(request: PrincipalRequest, at: datetime.datetime) -> None:
    """Send the verification link to the school's official mailbox."""
    _queue(VERIFICATION_REQUEST, request.school.email, at, request=request.pk)


def notify_verified(affiliation: Affiliation, at: datetime.datetime) -> None:
    """Notify the principal that they are verified."""
    _queue(VERIFIED, affiliation.user.email, at, user=affiliation.user_id, school=affiliation.school_id)


def notify_joined(principal: User, newcomer: User, school_id: str | None, at: datetime.datetime) -> None:
    """Notify a principal of the school that another one was verified."""
    _queue(JOINED, principal.email, at, user=principal.pk, other=newcomer.pk, school=school_id)


def notify_replaced(principal: User, successor: User, school_id: str | None, at: datetime.datetime) -> None:
    """Notify a principal that a successor replaced them."""
    _queue(REPLACED, principal.email, at, user=principal.pk, other=successor.pk, school=school_id)


def _queue(kind: str, recipient: str, at: datetime.datetime, **context: int | str | None) -> None:
    enqueue_in_portal([NewMessage(kind, recipient, context=context)], at=at)


def render_verification_request(message: Message) -> RenderedEmail:
    """Render the verification link, to the school's official mailbox."""
    request = PrincipalRequest.objects.select_related("user", "school").filter(pk=message.context["request"]).first()
    if request is None:
        raise NoLongerDue("La personne a supprimé son compte avant l'envoi.")
    if not is_link_usable(request, at=timezone.now()):
        raise NoLongerDue("La demande a expiré ou a abouti avant l'envoi.")
    if message.recipient != request.school.email:
        raise NoLongerDue("L'adresse officielle de l'établissement a changé avant l'envoi.")
    unverified = Affiliation.objects.filter(user=request.user, school=request.school, verified_at=None)
    if not unverified.exists():
        raise NoLongerDue("La personne a quitté l'établissement, ou sa direction a été vérifiée avant l'envoi.")
    user, school = request.user, request.school
    return render_email_template(
        "schools/emails/verification_request.txt",
        {
            "user": user,
            "that": "qu'" if is_elided(str(user)) else "que ",
            "address": mask_email(user.email),
            "name": format_school(school),
            "uai": school.pk,
            "last_day": date_in_paris(request.expires_at),
        },
        address=add_token(portal_url("direction/"), request.link_token),
    )


def render_verified(message: Message) -> RenderedEmail:
    """Render the confirmation to the verified principal."""
    user, school = _get_user(message, "user"), School.objects.get(pk=message.context["school"])
    if not Affiliation.objects.filter(user=user, school=school, verified_at__isnull=False).exists():
        raise NoLongerDue("La direction n'était plus vérifiée à l'envoi.")
    return _render_to_principal("verified", user, {"name": format_school(school)})


def render_change(template: str, message: Message) -> RenderedEmail:
    """Render the notice to a principal that another one was verified beside them, or replaced them."""
    user, other = _get_user(message, "user"), _get_user(message, "other")
    name = format_school(School.objects.get(pk=message.context["school"]))
    return _render_to_principal(template, user, {"other": other, "name": name, "contact": settings.CONTACT_EMAIL})


def _render_to_principal(template: str, user: User, context: dict[str, Any]) -> RenderedEmail:
    return render_email_template(
        f"schools/emails/{template}.txt",
        context,
        greeting=format_salutation(user.first_name),
        address=portal_url("mon-compte/"),
    )


def _get_user(message: Message, name: str) -> User:
    user = User.objects.filter(pk=message.context[name], is_active=True).first()
    if user is None:
        raise NoLongerDue("Le compte a été fermé avant l'envoi.")
    return user


kinds.register(VERIFICATION_REQUEST, label="Direction à confirmer", render=render_verification_request)
kinds.register(VERIFIED, label="Direction vérifiée", render=render_verified)
kinds.register(JOINED, label="Direction partagée", render=functools.partial(render_change, "joined"))
kinds.register(REPLACED, label="Direction transmise", render=functools.partial(render_change, "replaced"))
