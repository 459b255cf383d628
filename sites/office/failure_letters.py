"""The letter to an office's managers when a large share of a sending did not arrive: at once, once a sending."""

import datetime
from collections.abc import Sequence

from django.conf import settings
from django.db.models import CharField, Count, Func, Max, Min, Q, Value
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import get_public_schema_name

from bounces.models import FailedSending
from collectivities import audit_log
from collectivities.letters import build_stop_url, describe_membership, list_recipients
from collectivities.models import Letter
from core import formatting
from core.calendar import PARIS, date_in_paris
from core.connections import connection
from licensing.pools.models import ALLOCATION_TOPIC
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation
from mailing.models import LOST, PENDING, Message, MessageQuerySet
from mailing.operations import NewMessage, enqueue_many
from mailing.refusals import HANDLED
from mailing.smtp_replies import REPLY_SEPARATOR
from tenants.models import Collectivity

#: Kind of the e-mails, and their topic, whose id is that of the `FailedSending`.
FAILURE_KIND, FAILURE_TOPIC = "office.failed_sending", "failed_sending"
#: Reasons that the letter tells, the most frequent first.
MAX_REASONS = 5
#: Hours at which a morning and an afternoon end.
_NOON, _EVENING = 12, 18


def notify_managers(sendings: Sequence[FailedSending], at: datetime.datetime) -> None:
    """Record in the current office's journal that sendings fail, and queue the letters. None for the portal's own.

    Nor for these letters themselves: whom they do not reach would be told by another.
    """
    noticed = [one for one in sendings if one.kind != FAILURE_KIND]
    if connection.schema_name == get_public_schema_name() or not noticed:
        return
    audit_log.record_many(
        (
            audit_log.NewAuditEntry(
                "messages.sending_failed",
                f"Envoi « {kinds.get_label(one.kind)} » : {_describe_lost(one.lost, one.handled)}.",
                object_type="failed_sending",
                object_id=one.pk,
            )
            for one in noticed
        ),
        by=None,
        at=at,
    )
    managers = list_recipients(Letter.FAILURE)
    enqueue_many(
        [
            NewMessage(
                kind=FAILURE_KIND,
                recipient=manager.user.email,
                topic=FAILURE_TOPIC,
                topic_id=one.pk,
                about=str(manager.user),
                context={"user": manager.user_id},
            )
            for one in noticed
            for manager in managers
        ],
        at=at,
    )


def render(message: Message) -> RenderedEmail:
    """Render the letter for sending, from what has become of the sending by then. Raises `NoLongerDue`."""
    sending = FailedSending.objects.get(pk=message.topic_id or 0)
    managers = list_recipients(Letter.FAILURE)
    member = next((one for one in managers if one.user_id == message.context["user"]), None)
    if member is None:
        raise NoLongerDue("Cette personne n'est plus gestionnaire, ou ne veut plus de cette lettre.")
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    figures = _select(sending).aggregate(
        # Taken or given up, lost, still to leave; when the first left, and whether any is about a key.
        handled=Count("pk", filter=Q(state__in=HANDLED)),
        lost=Count("pk", filter=Q(state__in=LOST)),
        pending=Count("pk", filter=Q(state__in=PENDING)),
        started_at=Min("handed_over_at"),
        topic=Max("topic"),
    )
    # The addresses of keys are corrected on a page of their own.
    is_about_keys = figures["topic"] == ALLOCATION_TOPIC
    page = reverse("pools:corrections" if is_about_keys else "messages:list", urlconf=settings.ROOT_URLCONF)
    return render_email_template(
        "office/emails/failed_sending.txt",
        {
            "words": _count_lost(figures["lost"], figures["handled"]),
            "when": _describe_moment(figures["started_at"] or sending.queued_at, timezone.now()),
            "kind": kinds.get_label(sending.kind),
            "pending": figures["pending"],
            "reasons": "".join(f"\n– {_count_of(count)} : {reason}" for reason, count in _list_reasons(sending)),
            "is_about_keys": is_about_keys,
            "membership": describe_membership(member, office),
        },
        greeting=format_salutation(member.user.first_name),
        address=office.office_url(page),
        unsubscribe_url=build_stop_url(office, member.pk, Letter.FAILURE),
    )


def _describe_lost(lost: int, handled: int) -> str:
    verb = "n'a pas été remis" if lost == 1 else "n'ont pas été remis"
    return f"{_count_lost(lost, handled)} {verb}"


def _select(sending: FailedSending) -> MessageQuerySet:
    return Message.objects.filter(kind=sending.kind, created_at=sending.queued_at).order_by()


def _list_reasons(sending: FailedSending) -> list[tuple[str, int]]:
    """Return the reasons without the servers' own words, and how many messages each stopped."""
    explained = (
        _select(sending)
        .lost()
        .annotate(why=Func("reason", Value(REPLY_SEPARATOR), Value(1), function="split_part", output_field=CharField()))
    )
    counted = explained.values_list("why").annotate(count=Count("pk")).order_by("-count", "why")
    return [(why or "Sans explication.", count) for why, count in counted[:MAX_REASONS]]


def _count_lost(lost: int, handled: int) -> str:
    """Return « 12 des 60 e-mails »."""
    return f"{formatting.number(lost)} des {_count_of(handled)}"


def _count_of(count: int) -> str:
    return formatting.pluralize(count, "e-mail")


def _describe_moment(moment: datetime.datetime, now: datetime.datetime) -> str:
    """Return « ce matin », or « le 24 novembre 2026 » of another day."""
    if date_in_paris(moment) != date_in_paris(now):
        return f"le {formatting.long_date(date_in_paris(moment))}"
    hour = moment.astimezone(PARIS).hour
    if hour < _NOON:
        return "ce matin"
    return "cet après-midi" if hour < _EVENING else "ce soir"


kinds.register(FAILURE_KIND, label="Alerte : des e-mails n'arrivent pas", render=render)
