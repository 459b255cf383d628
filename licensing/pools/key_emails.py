"""Keys by e-mail: their kinds; resend, remind, reveal, readdress; release those held while their pool was suspended.

« Je n'ai pas reçu ma clé » is anonymous: the request only queues `queue_lost_keys`, whatever the school, and so
discloses nothing. Keys go to the recipients that the collectivities chose, at most once a day per school.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import Q
from django_tenants.utils import get_public_schema_name

from accounts import throttling
from accounts.models import User
from accounts.throttling import RateLimit
from collectivities import audit_log
from collectivities.capabilities import Capability
from collectivities.models import AuditEntry
from collectivities.operations.portfolio import ContactChange, lock_contacts, write_portfolio
from collectivities.queries import list_reachable_members
from core import formatting
from core.calendar import date_in_paris, end_of_day, start_of_day
from core.connections import connection
from core.exceptions import DomainError, Refusal
from core.formatting import school_forms
from jobs import due
from jobs.tasks import defer
from licensing.entitlements import mailbox_proof
from licensing.entitlements.models import ActivationKey, available_on
from licensing.entitlements.queries import unseal_key
from licensing.pools import checks, emails
from licensing.pools.checks import AllocationActionResult, lock_allocations, redeemed_error, revoked_error
from licensing.pools.emails import build_message
from licensing.pools.exceptions import UnknownAllocation, WrittenThisWeek
from licensing.pools.journal import record_allocations
from licensing.pools.models import ALLOCATION_TOPIC, MANY_REVEALED, REVEALED_ACTION, Allocation, MessageKind, Pool
from licensing.pools.queries import find_emailed_ids, find_reminded_ids
from mailing import kinds
from mailing import operations as mailing
from mailing.models import Message
from mailing.queries import latest_by_topic
from mailing.refusals import find_refused_addresses, normalise_address
from schools import calendar
from schools.wording import format_school_name
from tenants.models import Collectivity

# Release e-mails about keys that were held while their pool was suspended.
#
# The renderer holds them (`licensing.pools.emails.check_due`), as a payment may restore the pool at any time. A
# message is held only while its pool is suspended, or its release is about to run (docs/decisions/0010): what changes
# the rights queues it, and who holds a message has the pool looked at again soon, as the rights may have changed
# meanwhile.

RELEASE_TASK = "pools.release_held_emails"

#: After an e-mail was held, its pool is looked at again: the worker may have read it before a payment.
LOOK_DELAY = datetime.timedelta(minutes=10)


def queue_release(collectivity: Collectivity) -> None:
    """Queue `release_held_emails` in the collectivity's schema, in the transaction that changes its rights."""
    # Not once: a waiting job may start before this transaction commits.
    defer(RELEASE_TASK, schema=collectivity.schema_name)


def schedule_look(message: Message, at: datetime.datetime) -> None:
    """Have the collectivity whose e-mail about a key is held looked at soon. In the transaction that holds it."""
    if message.topic == ALLOCATION_TOPIC:
        due.schedule(RELEASE_TASK, connection.schema_name, at + LOOK_DELAY)


@transaction.atomic
def release_held_emails(*, at: datetime.datetime) -> int:
    """Release the held e-mails of the pools that are not suspended; return how many. Idempotent.

    Those of redeemed keys, and of pools that are over, are cancelled when they are rendered. Schedules itself for the
    day on which the first of the other pools is over.
    """
    day = date_in_paris(at)
    pools = Pool.objects.prefetch_related("entitlement")
    suspended = {pool.pk: pool.entitlement for pool in pools if pool.entitlement.suspended_on(day)}
    messages = Message.objects.filter(topic=ALLOCATION_TOPIC)
    releasable = Allocation.objects.exclude(pool__in=suspended).values("pk")
    released = mailing.release_held(messages.filter(topic_id__in=releasable), at=at)
    kept = Allocation.objects.filter(pool__in=suspended, pk__in=messages.held().values("topic_id"))
    if pools_kept := kept.order_by().values_list("pool", flat=True).distinct():
        last_day = min(suspended[number].last_day for number in pools_kept)
        due.schedule(RELEASE_TASK, connection.schema_name, end_of_day(last_day))
    return released


#: A manager helps a few schools a day by telephone.
MANY_KEYS = 10
_DAY = datetime.timedelta(days=1)
_NOTICE_LIMIT = RateLimit("reveal-notice", 1, _DAY)


def notify_managers(*, by: User, at: datetime.datetime) -> int:
    """E-mail the other managers where the account had `MANY_KEYS` keys shown within a day; return how many e-mails.

    At most once a day for each account, however many keys follow; where there is no other manager, their own mailbox
    is written to: somebody else may be using the account.
    """
    since = at - _DAY
    revealed = AuditEntry.objects.filter(action=REVEALED_ACTION, actor_id=by.pk, at__gt=since).order_by("at")
    moments = list(revealed.values_list("at", flat=True)[:MANY_KEYS])
    if len(moments) < MANY_KEYS:
        return 0
    try:
        throttling.count_attempts([(_NOTICE_LIMIT, f"{connection.schema_name}:{by.pk}")], at=at)
    except throttling.RateLimitExceeded:
        return 0
    addresses = {one.user.email for one in list_reachable_members(Capability.MANAGE_OFFICE) if one.user_id != by.pk}
    recipients = sorted(addresses) or [by.email]
    return mailing.enqueue_many(
        [
            mailing.NewMessage(
                kind=MANY_REVEALED,
                recipient=recipient,
                topic=MANY_REVEALED,
                topic_id=by.pk,
                about=f"{by} ({by.username})",
                context={"since": moments[0].isoformat()},
            )
            for recipient in recipients
        ],
        at=at,
    )


#: Audit summaries, formatted with the address.
_RESENT_SUMMARY = "Clé renvoyée à {}."
_LOST_SUMMARY = "Clé renvoyée à {} : l'établissement a indiqué sur le portail ne pas l'avoir reçue."
_SCHOOL_LIMIT = RateLimit("lost-key/school", 1, datetime.timedelta(days=1))


def resend(*, allocation_id: int, recipient: str | None = None, by: User | None, at: datetime.datetime) -> Message:
    """Resend the key, to a corrected address where one is given; return the new message.

    Pending messages are cancelled. Raises a `DomainError`, having changed nothing: key redeemed or revoked, pool
    suspended or closed, bad address.
    """
    corrected = None if recipient is None else checks.clean_address(recipient)
    with transaction.atomic():
        for result in _resend({allocation_id: corrected}, by=by, at=at):
            result.raise_for_refusal()
        return latest_by_topic(ALLOCATION_TOPIC, [allocation_id])[allocation_id]


@transaction.atomic
def resend_many(
    *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime, summary: str = _RESENT_SUMMARY
) -> list[AllocationActionResult]:
    """Resend all of these keys, in one transaction; return a result for each.

    `summary`: the audit summary of each, formatted with the address.
    """
    return _resend(dict.fromkeys(allocation_ids), by=by, at=at, summary=summary)


def remind(*, allocation_id: int, by: User | None, at: datetime.datetime, anyway: bool = False) -> None:
    """Remind the school of an unredeemed key that it received.

    Raises what `resend` raises, but for the address, and `WrittenThisWeek` but with `anyway`; refuses a school that no
    e-mail has reached yet (`not_yet_sent`), and one that was reminded today (`reminded_today`).
    """
    for result in remind_many(allocation_ids=[allocation_id], by=by, at=at, anyway=anyway):
        result.raise_for_refusal()


@transaction.atomic
def remind_many(
    *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime, anyway: bool = False
) -> list[AllocationActionResult]:
    """Remind all of these schools, at most once a day, in one transaction; return a result for each.

    At most once a week, whoever wrote, but with `anyway`.
    """
    allocations, results = lock_allocations(allocation_ids)
    received = find_emailed_ids(allocations)
    midnight = start_of_day(date_in_paris(at))
    reminded_today = find_reminded_ids(midnight, allocations)
    due: list[Allocation] = []
    for allocation in allocations.values():
        refusal = _refusal(allocation, at)
        if refusal is None and allocation.pk not in received:
            refusal = Refusal(
                "not_yet_sent",
                "Aucun e-mail n'est encore arrivé à cet établissement : il n'y a rien à rappeler. "
                "Vérifiez l'adresse, puis renvoyez la clé.",
            )
        if refusal is None and allocation.pk in reminded_today:
            refusal = Refusal("reminded_today", "Cet établissement a déjà été relancé aujourd'hui.")
        if refusal is None:
            due.append(allocation)
        else:
            results.append(AllocationActionResult(allocation.pk, refusal))
    if not anyway:
        due, refused = _claim_weeks(due, at)
        results += refused
    else:
        calendar.claim_weeks([allocation.school_id for allocation in due], at=at)
    results += [AllocationActionResult(allocation.pk) for allocation in due]
    _queue_and_record(due, MessageKind.REMINDER, "keys.reminded", "Relance envoyée à {}.", by=by, at=at)
    return results


@transaction.atomic
def reveal(*, allocation_id: int, by: User, at: datetime.datetime) -> str:
    """Return the key in clear, for a manager; write the audit log and mark the key as exposed.

    The other managers are notified when it is one of many.

    Raises `UnknownAllocation` or `AllocationRevoked`.
    """
    allocations, missing = lock_allocations([allocation_id])
    for result in missing:
        result.raise_for_refusal()
    allocation = allocations[allocation_id]
    if allocation.revoked_at is not None:
        raise revoked_error(allocation.revoked_at)
    ActivationKey.objects.filter(pk=allocation.key_id, exposed_at=None).update(exposed_at=at)
    summary = f"Clé {school_forms(allocation.school.name).of_the} affichée."
    record_allocations(REVEALED_ACTION, [(allocation, summary)], by=by, at=at)
    notify_managers(by=by, at=at)
    return unseal_key(allocation.key)


def _resend(
    recipients: Mapping[int, str | None],
    *,
    by: User | None,
    at: datetime.datetime,
    summary: str = _RESENT_SUMMARY,
) -> list[AllocationActionResult]:
    allocations, results = lock_allocations(list(recipients))
    due: list[Allocation] = []
    for allocation in allocations.values():
        refusal = _refusal(allocation, at)
        results.append(AllocationActionResult(allocation.pk, refusal))
        if refusal is None:
            due.append(allocation)
    readdressed: list[Allocation] = []
    for allocation in due:
        corrected = recipients[allocation.pk]
        if corrected is not None and corrected != allocation.recipient:
            allocation.recipient = corrected
            readdressed.append(allocation)
    Allocation.objects.bulk_update(readdressed, ["recipient"], batch_size=1_000)
    mailbox_proof.void_tokens([allocation.key_id for allocation in readdressed])
    exposed = [one.key_id for one in due if not checks.is_official_mailbox(one.recipient, one.school.email)]
    ActivationKey.objects.filter(pk__in=exposed, exposed_at=None).update(exposed_at=at)
    mailing.cancel(ALLOCATION_TOPIC, [allocation.pk for allocation in due], at)
    _queue_and_record(due, MessageKind.KEY, "keys.resent", summary, by=by, at=at)
    return results


def _refusal(allocation: Allocation, at: datetime.datetime) -> DomainError | None:
    """Return why no e-mail may be sent about this key, if so."""
    if allocation.revoked_at is not None:
        return revoked_error(allocation.revoked_at)
    if allocation.key.redeemed_at is not None:
        return redeemed_error(allocation.key.redeemed_at, "l'établissement s'en sert déjà")
    try:
        checks.check_open(allocation.pool.entitlement, at)
    except DomainError as refusal:
        return refusal
    return None


def _claim_weeks(
    allocations: Sequence[Allocation], at: datetime.datetime
) -> tuple[list[Allocation], list[AllocationActionResult]]:
    """Claim the week of each school; return the allocations to remind of, and refusals: one letter a school."""
    claimed = calendar.claim_weeks([allocation.school_id for allocation in allocations], at=at)
    free, refused = [], []
    for allocation in allocations:
        if allocation.school_id in claimed:
            claimed.discard(allocation.school_id)
            free.append(allocation)
        else:
            refused.append(allocation)
    written = calendar.find_written([allocation.school_id for allocation in refused], at=at) if refused else {}
    days = {uai: formatting.long_date(date_in_paris(written_at)) for uai, written_at in written.items()}
    sentence = "Une relance est déjà partie pour cet établissement cette semaine, le {} : une par semaine suffit."
    return free, [
        AllocationActionResult(allocation.pk, WrittenThisWeek(sentence.format(days[allocation.school_id])))
        for allocation in refused
    ]


def _queue_and_record(
    allocations: Sequence[Allocation],
    kind: MessageKind,
    action: str,
    summary: str,
    *,
    by: User | None,
    at: datetime.datetime,
) -> None:
    """Queue a message about each and record it in the audit log; `summary` is formatted with the address."""
    mailing.enqueue_many([build_message(allocation, kind) for allocation in allocations], at=at)
    summaries = [
        (allocation, f"{format_school_name(allocation.school.name)} : {summary.format(allocation.recipient)}")
        for allocation in allocations
    ]
    record_allocations(action, summaries, by=by, at=at)


def request_resend(*, uai: str) -> None:
    """Queue the resending of a school's unredeemed keys: the same job for every school."""
    defer("pools.look_for_lost_keys", schema=get_public_schema_name(), uai=uai)


@transaction.atomic
def queue_lost_keys(*, uai: str, at: datetime.datetime) -> int:
    """Queue the resending in each collectivity with unredeemed keys for the school; return how many.

    In the public schema. Does nothing where keys were resent to the school within a day.
    """
    schemas = list(
        ActivationKey.objects.filter(_is_redeemable_q(uai, at), entitlement__collectivity__isnull=False)
        .order_by("entitlement__collectivity__schema_name")
        .values_list("entitlement__collectivity__schema_name", flat=True)
        .distinct()
    )
    if not schemas:
        return 0
    try:
        throttling.count_attempts([(_SCHOOL_LIMIT, uai)], at=at)
    except throttling.RateLimitExceeded:
        return 0
    for schema in schemas:
        defer("pools.send_lost_keys", schema=schema, uai=uai, asked_at=at.isoformat())
    return len(schemas)


@transaction.atomic
def resend_lost_keys(*, uai: str, at: datetime.datetime) -> list[AllocationActionResult]:
    """Resend each unredeemed key of the school in the current collectivity; return a result for each.

    Skips keys with an e-mail still to be sent, which may be scheduled for a later day. Idempotent: also those with an
    e-mail that was enqueued `at` that moment, when it was asked for, or since.
    """
    keys = list(ActivationKey.objects.filter(_is_redeemable_q(uai, at)).values_list("pk", flat=True))
    allocation_ids = list(Allocation.objects.active().filter(school=uai, key__in=keys).values_list("pk", flat=True))
    messages = Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__in=allocation_ids)
    written = set(messages.filter(created_at__gte=at).values_list("topic_id", flat=True))
    unsent = set(messages.unsent().values_list("topic_id", flat=True))
    due = [allocation_id for allocation_id in allocation_ids if allocation_id not in unsent | written]
    return resend_many(allocation_ids=due, by=None, at=at, summary=_LOST_SUMMARY)


def _is_redeemable_q(uai: str, at: datetime.datetime) -> Q:
    """Return the condition that a key is for the school and can be redeemed."""
    available = available_on(date_in_paris(at))
    return available & Q(school=uai, redeemed_at__isnull=True, revoked_at__isnull=True)


@transaction.atomic
def readdress_many(*, recipients: Mapping[int, str], by: User, at: datetime.datetime) -> list[AllocationActionResult]:
    """Resend these keys, by allocation, to the corrected addresses, in one transaction; return a result for each.

    The address becomes the contact of the school, where that is in the portfolio. A key that was redeemed or revoked
    meanwhile, an address that is none, or that a server refused, is refused by itself.
    """
    results: list[AllocationActionResult] = []
    corrected: dict[int, str] = {}
    refused = find_refused_addresses(recipients.values())
    for allocation_id, text in recipients.items():
        try:
            address = checks.clean_address(text)
            if reason := refused.get(normalise_address(address)):
                raise Refusal("recipient_refused", f"L'adresse {address} a été refusée. {reason}")
        except DomainError as refusal:
            results.append(AllocationActionResult(allocation_id, refusal))
        else:
            corrected[allocation_id] = address
    resent = _resend(corrected, by=by, at=at)
    _learn_contacts([result.allocation_id for result in resent if result.refusal is None], by=by, at=at)
    return [*results, *resent]


def _learn_contacts(allocation_ids: Iterable[int], *, by: User, at: datetime.datetime) -> None:
    """Have the next keys of these schools sent to the same addresses; the directory's own needs no contact."""
    found = Allocation.objects.filter(pk__in_array=list(allocation_ids)).order_by("pk")
    addresses = {
        uai: "" if checks.is_official_mailbox(recipient, official) else recipient
        for uai, recipient, official in found.values_list("school_id", "recipient", "school__email")
    }
    known = lock_contacts(sorted(addresses))
    changes = {uai: ContactChange({"contact_email": addresses[uai]}) for uai in known}
    write_portfolio(entries=changes, by=by, at=at, one_by_one=True)


def record_bounces(messages: Sequence[Message], at: datetime.datetime) -> None:
    """Record in the journal of the current office that these e-mails bounced. One query and one COPY."""
    if connection.schema_name == get_public_schema_name():
        return
    ids = [message.topic_id for message in messages if message.topic == ALLOCATION_TOPIC]
    schools = dict(Allocation.objects.filter(pk__in_array=ids).values_list("pk", "school_id")) if ids else {}
    audit_log.record_many(
        (
            audit_log.NewAuditEntry(
                "messages.bounced",
                f"E-mail « {kinds.get_label(message.kind)} » non remis à {message.recipient} : {message.explanation}",
                school_id=schools.get(message.topic_id or 0, ""),
                object_type="message",
                object_id=message.pk,
            )
            for message in messages
        ),
        by=None,
        at=at,
    )


def reveal_message(message: Message, *, by: User, at: datetime.datetime) -> kinds.RenderedEmail:
    """Return the message with its key, having recorded in the audit log that `by` saw it."""
    reveal(allocation_id=_get_allocation_id(message), by=by, at=at)
    return emails.render_with_key(message)


def resend_message(message: Message, *, recipient: str, by: User, at: datetime.datetime) -> Message:
    """Resend the key of the message's allocation to `recipient`."""
    return resend(allocation_id=_get_allocation_id(message), recipient=recipient, by=by, at=at)


def _get_allocation_id(message: Message) -> int:
    if message.topic_id is None:
        raise UnknownAllocation("Ce message ne se rapporte à aucune attribution.")
    return message.topic_id


def register_kinds() -> None:
    """Register the kinds of messages."""
    for kind in MessageKind:
        has_key = kind != MessageKind.REVOKED
        kinds.register(
            kind,
            label=str(kind.label),
            render=emails.render,
            prefetch=emails.KeyEmailRenderer,
            preview=emails.preview,
            reveal=reveal_message if has_key else None,
            resend=resend_message if has_key else None,
        )
    kinds.register(
        MANY_REVEALED,
        label="Beaucoup de clés affichées",
        render=emails.render_many_revealed,
        preview=emails.render_many_revealed,
    )
