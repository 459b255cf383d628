"""E-mails to teachers and principals about seats: queued by operations, rendered when sent from the current rows.

None contains a key. Only verified principals are told who the teacher is.
"""

import datetime
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import add_nonbreaking_spaces
from core.links import portal_url
from licensing.entitlements import notifications
from licensing.entitlements.models import Seat
from licensing.entitlements.queries import may_see_teachers_of
from licensing.entitlements.wording import (
    describe_account,
    describe_start,
    describe_use,
    format_use,
    name_with_commune,
)
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message
from mailing.operations import EVENTS
from schools.models import Affiliation

#: Returns what the template of an e-mail says to a recipient, and under `path` the page of its button. Raises
#: `NoLongerDue`.
type EmailReader = Callable[[Message, User], Mapping[str, Any]]

_ACCOUNT_PATH = "mon-compte/"
_SEATS = Seat.objects.select_related(
    "holder", "subscription__school", "subscription__principal", "subscription__key__entitlement__product"
)


def _read_assigned(message: Message, teacher: User) -> dict[str, Any]:
    seat = _SEATS.get(pk=message.context["seat"])
    if seat.holder_id != teacher.pk:
        raise NoLongerDue("La licence a été retirée à l'enseignant avant l'envoi.")
    entitlement, today = seat.subscription.key.entitlement, date_in_paris(timezone.now())
    start = describe_start(entitlement, today)
    # A class of the year before goes along until its pupils are erased.
    kept = today - datetime.timedelta(days=settings.PUPILS_KEPT_DAYS)
    had_class = Seat.objects.filter(
        holder=seat.holder_id, subscription__key__entitlement__last_day__range=(kept, entitlement.first_day)
    ).exists()
    # The class of the seat, once it is open. By path: classes are above licences.
    classes_path = "mes-classes/" if had_class else f"mes-classes/ouvrir/{seat.pk}/"
    return {
        "start": start,
        "had_class": had_class,
        "account": describe_account(seat.subscription),
        "product": PRODUCT_SENTENCE,
        "use": format_use(entitlement, today),
        "path": _ACCOUNT_PATH if start else classes_path,
    }


def _read_withdrawn(message: Message, teacher: User) -> dict[str, Any]:
    subscription = _SEATS.get(pk=message.context["seat"]).subscription
    if subscription.seats.filter(holder=teacher).exists():
        raise NoLongerDue("Une licence a été attribuée de nouveau à l'enseignant avant l'envoi.")
    return {"licence": subscription.key.entitlement.product, "account": describe_account(subscription)}


def _read_joined(message: Message, _teacher: User) -> dict[str, Any]:
    affiliation = Affiliation.objects.select_related("school").filter(pk=message.context["affiliation"]).first()
    if affiliation is None or affiliation.school is None:
        raise NoLongerDue("L'enseignant n'est plus rattaché à cet établissement.")
    return {"school": affiliation.school, "school_in_commune": name_with_commune(affiliation.school)}


def _read_taken(message: Message, principal: User) -> dict[str, Any]:
    """Return which licences teachers took: by the school's key, or by accepting an invitation."""
    # The last that happened to a seat counts.
    taken = {seat: (teacher, means) for seat, teacher, means in message.context[EVENTS]}
    still = [seat for seat in _SEATS.filter(pk__in=taken).order_by("pk") if seat.holder_id == taken[seat.pk][0]]
    if not still:
        raise NoLongerDue("Les licences ont été retirées aux enseignants avant l'envoi.")
    subscription = still[0].subscription
    may_see_names = may_see_teachers_of(principal, subscription)
    by_means: dict[str, list[User | None]] = {notifications.TYPED: [], notifications.ACCEPTED: []}
    for seat in still:
        by_means[taken[seat.pk][1]].append(seat.holder)
    typed = by_means[notifications.TYPED]
    # Whoever leads the school no more reads nothing of those whom they invited.
    accepted = by_means[notifications.ACCEPTED] if may_see_names else []
    if not typed and not accepted:
        raise NoLongerDue("La direction n'était plus vérifiée à l'envoi.")
    held = subscription.seats.held().count()
    return {
        "typed": typed,
        "accepted": accepted,
        "count": len(typed) + len(accepted),
        "may_see_names": may_see_names,
        "line_break": "\n",
        "licence": subscription.key.entitlement.product,
        "held": held,
        "size": subscription.size,
        "use": describe_use(held, subscription.size),
    }


def _read_moved(message: Message, principal: User) -> dict[str, Any]:
    seat = _SEATS.get(pk=message.context["seat"])
    if seat.holder is None or seat.holder_id != message.context["teacher"]:
        raise NoLongerDue("La licence a été retirée à l'enseignant avant l'envoi.")
    if Affiliation.objects.filter(user=seat.holder, school=seat.subscription.school_id).exists():
        raise NoLongerDue("L'enseignant est de nouveau rattaché à l'établissement.")
    return {
        "teacher": seat.holder,
        "may_see_name": may_see_teachers_of(principal, seat.subscription),
        "licence": seat.subscription.key.entitlement.product,
    }


def _read_left(message: Message, _principal: User) -> dict[str, Any]:
    subscription = _SEATS.get(pk=message.context["seat"]).subscription
    return {
        "licence": str(subscription.key.entitlement.product),
        "account": describe_account(subscription),
        "use": describe_use(subscription.seats.held().count(), subscription.size),
    }


def _render(read: EmailReader, message: Message) -> RenderedEmail:
    recipient = User.objects.get(pk=message.context["user"])
    context = read(message, recipient)
    return render_email_template(
        f"entitlements/emails/{message.kind.partition('.')[2]}.txt",
        context,
        address=portal_url(context.get("path", _ACCOUNT_PATH)),
        greeting=format_salutation(recipient.first_name),
        typeset=add_nonbreaking_spaces if message.kind == notifications.SEAT_LEFT else str,
    )


_KINDS: dict[str, tuple[str, EmailReader]] = {
    notifications.SEAT_ASSIGNED: ("Licence attribuée", _read_assigned),
    notifications.SEAT_WITHDRAWN: ("Licence retirée", _read_withdrawn),
    notifications.SEAT_TAKEN: ("Clé saisie ou invitation acceptée", _read_taken),
    notifications.TEACHER_JOINED: ("Enseignant rattaché", _read_joined),
    notifications.TEACHER_MOVED: ("Enseignant parti", _read_moved),
    notifications.SEAT_LEFT: ("Titulaire parti", _read_left),
}
for _kind, (_label, _reader) in _KINDS.items():
    kinds.register(_kind, label=_label, render=partial(_render, _reader))
