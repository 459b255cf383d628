"""E-mails about keys, as text and HTML, in French.

Rendered when they are sent, from the current rows: the key is unsealed then, and never stored in the outbox. All links
lead to the portal; no attachment, no tracking.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Prefetch
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from collectivities import logos
from collectivities.models import AuditEntry, OfficeSettings
from collectivities.queries import OfficeContact, describe_contact, get_office_contact, get_office_settings
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from core.formatting import collectivity_forms, is_elided
from core.links import portal_url
from licensing.catalogue.operations import get_last_day, get_product_summary
from licensing.entitlements import mailbox_proof
from licensing.entitlements.models import Entitlement, EntitlementStatus
from licensing.entitlements.queries import unseal_key
from licensing.entitlements.wording import describe_start, format_long_date
from licensing.pools.models import ALLOCATION_TOPIC, REVEALED_ACTION, Allocation, MessageKind, Pool
from licensing.pools.wording import describe_hold
from mailing.email_templates import read_email_template, render_email_template
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, OnHold, RenderedEmail
from mailing.models import Message
from mailing.operations import NewMessage
from schools.calendar import WritingCalendar, find_place
from schools.models import School
from schools.wording import format_school_name
from tenants.models import Collectivity

_SALT = "pools.stop-links"
#: Seconds after which a link is refused: no reminder of a school year is older.
_MAX_AGE = 400 * 24 * 3600


class StopLink(NamedTuple):
    """What a link is about."""

    schema: str
    allocation_id: int


def build_stop_url(allocation_id: int) -> str:
    """Return the address that stops the reminders of an allocation of the current schema."""
    token = signing.dumps([connection.schema_name, allocation_id], salt=_SALT)
    return portal_url(f"/relances/arreter/{token}/")


@sensitive_variables("token")
def read_stop_token(token: str) -> StopLink | None:
    """Return what the token of a link is about; None where we did not sign it, or long ago."""
    try:
        schema, allocation_id = signing.loads(token, salt=_SALT, max_age=_MAX_AGE)
    except signing.BadSignature:
        return None
    return StopLink(schema, allocation_id)


def render_many_revealed(message: Message) -> RenderedEmail:
    """Render the notice that an account has had many keys shown; it counts up to the moment when it is sent."""
    actor = User.objects.get(pk=message.topic_id or 0)
    since = datetime.datetime.fromisoformat(message.context["since"])
    shown = AuditEntry.objects.filter(action=REVEALED_ACTION, actor_id=actor.pk, at__gte=since).count()
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    return render_email_template(
        "pools/emails/keys_revealed.txt",
        {"actor": actor, "since": since, "shown": shown, "office": office},
        address=office.office_url(f"/journal/?{urlencode({'text': actor.username, 'subject': 'keys'})}"),
        typeset=str,
    )


def is_automatic(message: Message) -> bool:
    """Whether nobody asked for this message: it says why it came, and has an off switch."""
    return bool(message.context.get("automatic"))


def describe_reason(giver: str, cause: str) -> str:
    """Return the sentence that says why the message came; `cause`: a clause."""
    whose, that = collectivity_forms(giver).of_the, "qu'" if is_elided(cause) else "que "
    return f"Vous recevez cette relance automatique {whose} parce {that}{cause}. Elle est la seule de la semaine."


def load_calendar(messages: Sequence[Message]) -> WritingCalendar | None:
    """Return today's calendar, None where no message is automatic. Two queries at most."""
    today = date_in_paris(timezone.now())
    return WritingCalendar(today, today) if any(is_automatic(message) for message in messages) else None


def check_automatic_due(message: Message, allocation: Allocation, calendar: WritingCalendar | None) -> None:
    """Raise `NoLongerDue` for an automatic message that was kept waiting too long, or whose pool is suspended.

    It is not held, as a key's e-mail is: what it says would be late.
    """
    if calendar is None or not is_automatic(message):
        return
    today = calendar.first_day
    if not calendar.is_writing_day(find_place(allocation.school), today):
        raise NoLongerDue("La relance n'a pas pu partir le jour prévu, et l'on n'écrit pas à l'école aujourd'hui.")
    if allocation.pool.entitlement.suspended_on(today):
        raise NoLongerDue("Le lot a été suspendu avant l'envoi : la relance n'aurait pas d'objet.")


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyEmail:
    """The parts of an e-mail, in reading order."""

    subject: str
    #: Who allocates what to which school, and until when.
    introduction: tuple[str, ...]
    #: The key as displayed; empty where the e-mail has none.
    key: str = ""
    button: str = ""
    address: str = ""
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    #: Why it came, where it came by itself.
    reason: str = ""


def describe_place(allocation: Allocation) -> str:
    """Return « (Nîmes, UAI 0300001A) », as names are not unique."""
    uai = f"UAI{formatting.NO_BREAK_SPACE}{allocation.school_id}"
    return f"({', '.join(filter(None, [allocation.school.commune, uai]))})"


def describe_end(allocation: Allocation) -> str:
    """Return « jusqu'au 31 août 2027 inclus »: the day on which the licences end unless something more is done.

    What an order still waits for is the office's business, not the school's.
    """
    entitlement = allocation.pool.entitlement
    start = describe_start(entitlement, date_in_paris(timezone.now()))
    end = f"jusqu'au {format_long_date(entitlement.provisional_until or entitlement.last_day)} inclus"
    return f"{start}, {end}" if start else end


def describe_extension(allocation: Allocation) -> tuple[str, ...]:
    """Return the note that licences which end earlier are to be extended; empty where they run until the last day."""
    entitlement = allocation.pool.entitlement
    if entitlement.provisional_until is None or entitlement.provisional_until == entitlement.last_day:
        return ()
    these = "Cette licence doit" if allocation.units == 1 else "Ces licences doivent"
    extended = "prolongée" if allocation.units == 1 else "prolongées"
    last = format_long_date(entitlement.last_day)
    return (f"{these} être {extended} jusqu'au {last} inclus, sans que vous ayez rien à ressaisir.",)


def with_plain_spaces(subject: str) -> str:
    """Replace no-break spaces in a subject, so that mail searches match its words."""
    return subject.replace(formatting.NO_BREAK_SPACE, " ")


#: Shown instead of the key in previews.
_MASKED = "••••-••••-••••"
_SAMPLE_UAI, _SAMPLE_UNITS = "0000000X", 5


def build_renderer(messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
    """Load what all these messages say, in five queries at most; return a function that renders each."""
    allocations = load_allocations(messages)
    presentation = get_office_settings()
    contact = get_office_contact(presentation)
    summary = get_product_summary()
    calendar = load_calendar(messages)

    def render_one(message: Message) -> RenderedEmail:
        allocation = allocations.get(message.topic_id or 0)
        if allocation is None:
            raise NoLongerDue("L'attribution dont parlait ce message n'existe pas.")
        check_automatic_due(message, allocation, calendar)
        check_due(message, allocation)
        key = unseal_key(allocation.key)
        # In what is sent, and only there: whoever reads the office's copy does not read the school's mailbox.
        proof = (
            mailbox_proof.sign(allocation.key, message.recipient) if message.recipient == allocation.recipient else ""
        )
        stop_url = build_stop_url(allocation.pk) if is_automatic(message) else ""
        return _render(message, allocation, presentation, contact, key, summary=summary, proof=proof, stop_url=stop_url)

    return render_one


def render(message: Message) -> RenderedEmail:
    """Render the message for sending. Raises `NoLongerDue` or `OnHold`."""
    return build_renderer([message])(message)


def preview(message: Message) -> RenderedEmail:
    """Render the message with its key masked and its logo within, whether still due or not."""
    return _render_with(message, lambda allocation: f"{allocation.key.prefix}-{_MASKED}", with_logo_inside=True)


def render_with_key(message: Message) -> RenderedEmail:
    """Render the message with its key, whether still due or not. The caller records who saw it."""
    return _render_with(message, lambda allocation: unseal_key(allocation.key))


def check_due(message: Message, allocation: Allocation) -> None:
    """Raise `NoLongerDue` where the content of the message is outdated, `OnHold` while the pool is suspended."""
    if message.kind == MessageKind.REVOKED:
        if allocation.revoked_at is None:
            raise NoLongerDue("La reprise a été annulée avant l'envoi.")
        return
    if allocation.revoked_at is not None:
        raise NoLongerDue("L'attribution a été reprise avant l'envoi.")
    if not allocation.units:
        raise NoLongerDue("L'école a rendu ses licences avant l'envoi.")
    # A changed volume is still announced when the key was redeemed in between: the account shows the result.
    volume_changed = message.context.get("added") or message.kind == MessageKind.REDUCED
    if allocation.key.redeemed_at is not None and not volume_changed:
        raise NoLongerDue("La clé a été activée avant l'envoi.")
    entitlement = allocation.pool.entitlement
    today = date_in_paris(timezone.now())
    match entitlement.status_on(today):
        case EntitlementStatus.SUSPENDED | EntitlementStatus.LAPSED:
            raise OnHold(describe_hold(entitlement, today))
        case EntitlementStatus.CANCELLED:
            raise NoLongerDue("La commande du lot a été annulée avant l'envoi.")
        case EntitlementStatus.ENDED:
            raise NoLongerDue("Les licences de ce lot ont expiré avant l'envoi.")


def load_allocations(messages: Sequence[Message]) -> dict[int, Allocation]:
    """Return by primary key the allocations that messages are about, with all that their e-mails say. Four queries."""
    related = Allocation.objects.select_related("pool", "school").prefetch_related(
        Prefetch("pool__entitlement", Entitlement.objects.select_related("collectivity")), "key"
    )
    return related.in_bulk([message.topic_id for message in messages if message.topic_id is not None])


def render_sample(
    collectivity: Collectivity, presentation: OfficeSettings, entitlement: Entitlement | None
) -> RenderedEmail:
    """Render the e-mail of a key that is none, to a school that is none, as `presentation` makes it look.

    `entitlement`: of the pool whose dates it has; None for those of licences bought today.
    """
    now = timezone.now()
    today = date_in_paris(now)
    if entitlement is None:
        entitlement = Entitlement(first_day=today, last_day=get_last_day(today))
    entitlement.collectivity = collectivity
    school = School(uai=_SAMPLE_UAI, name="École Jean Exemple", commune="Votre commune")
    pool = Pool(entitlement=entitlement)
    allocation = Allocation(pool=pool, school=school, units=_SAMPLE_UNITS, created_at=now)
    logo = logos.build_data_url(bytes(presentation.logo)) if presentation.logo else ""
    contact, summary = get_office_contact(presentation), get_product_summary()
    key = f"{collectivity.key_prefix}-{_MASKED}"
    message = Message(kind=MessageKind.KEY, context={})
    return _render(message, allocation, presentation, contact, key, summary=summary, logo=logo)


def _render_with(
    message: Message, key_of: Callable[[Allocation], str], *, with_logo_inside: bool = False
) -> RenderedEmail:
    allocation = load_allocations([message])[message.topic_id or 0]
    presentation = get_office_settings()
    contact, summary = get_office_contact(presentation), get_product_summary()
    logo = logos.build_data_url(bytes(presentation.logo)) if with_logo_inside and presentation.logo else ""
    return _render(message, allocation, presentation, contact, key_of(allocation), summary=summary, logo=logo)


def _render(
    message: Message,
    allocation: Allocation,
    presentation: OfficeSettings,
    contact: OfficeContact,
    key: str,
    *,
    summary: str,
    proof: str = "",
    logo: str = "",
    stop_url: str = "",
) -> RenderedEmail:
    """Render the message.

    `summary`: what pupils do with the product; `proof`: the token that lets its link prove the mailbox, empty in
    previews, as is `stop_url`; `logo`: an address of the logo other than the public one.
    """
    # In the fragment, which reaches no server log and no referrer.
    link = portal_url(f"/cle/#cle={key}{f'&jeton={proof}' if proof else ''}")
    email = _read_parts(message, allocation, key, link, summary=summary, note=presentation.letter_note)
    return frame_email(email, allocation, presentation, contact, logo=logo, stop_url=stop_url)


def _read_parts(message: Message, allocation: Allocation, key: str, link: str, *, summary: str, note: str) -> KeyEmail:
    entitlement, giver, added = allocation.pool.entitlement, get_giver(allocation), message.context.get("added", 0)
    is_grown, is_reduced = message.kind == MessageKind.KEY and bool(added), message.kind == MessageKind.REDUCED
    is_credited = (is_grown or is_reduced) and allocation.key.redeemed_at is not None
    shows_key = message.kind != MessageKind.REVOKED and not is_credited
    template = "key_grown" if is_grown and is_credited else message.kind
    parts = read_email_template(
        f"pools/emails/{template}.txt",
        {
            "giver": giver,
            "school": allocation.school.name,
            "place": describe_place(allocation),
            "units": allocation.units,
            "added": added,
            "created_at": allocation.created_at,
            "end": describe_end(allocation),
            "access": describe_start(entitlement, date_in_paris(timezone.now())) or "aussitôt",
            "is_credited": is_credited,
            "last_symbols": key.rpartition("-")[2],
            "note": note,
            "asked": message.context.get("asked", 0),
            "given": added or allocation.units,
            "is_moved": bool(message.context.get("moved")),
            "product": PRODUCT_SENTENCE,
            # Whoever opens a key may not know what it is for.
            "summary": formatting.end_sentence(summary) if summary and shows_key else "",
            "extension": "".join(describe_extension(allocation)),
            "key_page": portal_url("/cle/"),
        },
    )
    subject, *introduction = parts[""]
    button = "".join(parts["button"])
    return KeyEmail(
        subject=with_plain_spaces(subject),
        introduction=tuple(introduction),
        key=key if shows_key else "",
        button=button,
        address=(portal_url("/mon-compte/") if is_credited else link) if button else "",
        steps=tuple(parts["step"]),
        notes=tuple(parts["note"]),
        reason=describe_reason(giver, "votre clé n'est pas activée") if is_automatic(message) else "",
    )


def frame_email(
    email: KeyEmail,
    allocation: Allocation,
    presentation: OfficeSettings,
    contact: OfficeContact,
    *,
    logo: str = "",
    stop_url: str = "",
) -> RenderedEmail:
    """Render the parts of an e-mail in the collectivity's frame. `stop_url`: by which the school stops such e-mails."""
    giver = get_giver(allocation)
    context = {
        "subject": email.subject,
        "email": email,
        "giver": giver,
        # The same URL for all recipients: it cannot be used for tracking.
        "logo": logo or _logo(allocation, presentation),
        "contact": describe_contact(contact, giver),
        "signature": presentation.signature.strip(),
        "portal": portal_url(),
        "reason": email.reason,
        "unsubscribe_url": stop_url,
    }
    return RenderedEmail(
        subject=email.subject,
        text=render_to_string("pools/emails/email.txt", context).strip() + "\n",
        html=render_to_string("pools/emails/email.html", context),
        from_name=presentation.sender_name or giver,
        reply_to=contact.email,
        unsubscribe_url=stop_url,
    )


def get_giver(allocation: Allocation) -> str:
    """Return the name of the collectivity that allocated."""
    collectivity = allocation.pool.entitlement.collectivity
    return collectivity.name if collectivity is not None else ""


def _logo(allocation: Allocation, presentation: OfficeSettings) -> str:
    collectivity = allocation.pool.entitlement.collectivity
    return collectivity.office_url("/logo.png") if collectivity is not None and presentation.logo else ""


def school_label(allocation: Allocation) -> str:
    """Return the school as shown in the list of messages."""
    return f"{format_school_name(allocation.school.name)} ({allocation.school_id})"


def build_message(allocation: Allocation, kind: str, context: Mapping[str, Any] = MappingProxyType({})) -> NewMessage:
    """Return an e-mail about an allocation, to its address."""
    return NewMessage(
        str(kind), allocation.recipient, ALLOCATION_TOPIC, allocation.pk, school_label(allocation), context
    )
