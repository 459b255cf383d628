"""The e-mail that asks a school for licences, rendered when it is sent from the current rows."""

import datetime
from collections.abc import Collection

from django.utils import timezone

from accounts.models import User
from core.formatting import collectivity_forms
from core.links import portal_url
from licensing.entitlements.models import Subscription
from licensing.requests.lifecycle.emails import sign
from licensing.requests.returns.models import ReturnRequest
from licensing.requests.returns.queries import count_unused
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message, get_topic_id
from mailing.operations import NewMessage, enqueue_in_portal
from schools.models import Affiliation

#: Kind of the e-mail, and its former one, which is also the name of an event: of those queued or sent before.
RETURN_REQUESTED, _FORMER_KIND = "return_request.received", "return.requested"
#: `Message.topic` of the e-mails about a request; their `topic_id` is its primary key.
REQUEST_TOPIC = "return_request"


def list_addressees(key_ids: Collection[int]) -> dict[int, list[User]]:
    """Return by key whom to write to: the verified principals of its school, else the account credited if active.

    Two queries.
    """
    subscriptions = list(Subscription.objects.filter(key__in=key_ids).select_related("principal"))
    verified = Affiliation.objects.filter(
        school__in={one.school_id for one in subscriptions if one.school_id}, verified_at__isnull=False
    ).select_related("user")
    principals: dict[str | None, list[User]] = {}
    for affiliation in verified.order_by("verified_at", "pk"):
        principals.setdefault(affiliation.school_id, []).append(affiliation.user)
    return {
        one.key_id: principals.get(one.school_id)
        or [user for user in (one.principal,) if user.is_active and one.school_id is not None]
        for one in subscriptions
    }


def notify_principals(requests: Collection[ReturnRequest], at: datetime.datetime) -> None:
    """E-mail the principals of each school that was asked."""
    addressees = list_addressees([request.key_id for request in requests])
    emails = [
        NewMessage(
            RETURN_REQUESTED,
            person.email,
            topic=REQUEST_TOPIC,
            topic_id=request.pk,
            context={"user": person.pk},
        )
        for request in requests
        for person in addressees.get(request.key_id, [])
    ]
    enqueue_in_portal(emails, at=at)


def render_requested(message: Message) -> RenderedEmail:
    """Ask a principal for licences that nobody uses. Raises `NoLongerDue` where nothing is to be answered any more."""
    requests = ReturnRequest.objects.select_related("collectivity", "key__subscription__school", "key__school")
    request = requests.get(pk=get_topic_id(message))
    if request.outcome or timezone.now() >= request.expires_at:
        raise NoLongerDue("La demande a pris fin avant l'envoi.")
    unused = count_unused([request.key_id]).get(request.key_id, 0)
    if not unused:
        raise NoLongerDue("L'école utilise désormais toutes ses licences.")
    subscription = request.key.subscription
    email = render_email_template(
        "returns/emails/requested.txt",
        {
            "giver": collectivity_forms(request.collectivity.name).the,
            "school": subscription.school.name if subscription.school else "",
            "size": subscription.size,
            "unused": unused,
            "count": min(request.units, unused),
            "until": request.expires_at,
        },
        greeting=format_salutation(User.objects.get(pk=message.context["user"]).first_name),
        address=portal_url(f"mon-compte/rendre/{subscription.pk}/"),
        typeset=str,
    )
    return sign(email, request.collectivity)


for kind in (RETURN_REQUESTED, _FORMER_KIND):
    kinds.register(kind, label="Licences demandées", render=render_requested)
