"""E-mails about keys, as text and HTML, in French.

Rendered when they are sent, from the current rows: the key is unsealed then, and never stored in the outbox. All links
lead to the portal; no attachment, no tracking.
"""

import datetime
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Prefetch
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from collectivities import logos
from collectivities.models import AuditEntry, OfficeSettings
from collectivities.queries import describe_contact, get_office_contact, get_office_settings
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from core.formatting import collectivity_forms, is_elided
from core.links import portal_url
from core.text_templates import read_text_template
from licensing.catalogue.operations import get_last_day, get_product_summary
from licensing.entitlements import mailbox_proof
from licensing.entitlements.models import Entitlement, EntitlementStatus
from licensing.entitlements.queries import unseal_key
from licensing.entitlements.wording import describe_start, format_long_date
from licensing.pools.models import ALLOCATION_TOPIC, REVEALED_ACTION, Allocation, MessageKind, Pool
from licensing.pools.wording import describe_hold
from mailing.email_templates import render_email_template
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, OnHold, RenderedEmail, fill_template
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


class AllocationEmailRenderer:
    """Renders e-mails about allocations in the office's frame, from what is read once for all of them."""

    def __init__(
        self, messages: Sequence[Message], *, settings: OfficeSettings | None = None, has_logo_inside: bool = False
    ) -> None:
        """Read the allocations, and how the office presents itself: six queries at most."""
        self.allocations = load_allocations(messages)
        self.settings = settings or get_office_settings()
        self.contact = get_office_contact(self.settings)
        self.has_logo_inside = has_logo_inside

    @functools.cached_property
    def calendar(self) -> WritingCalendar:
        """Today's, which automatic messages ask. Two queries at most."""
        today = date_in_paris(timezone.now())
        return WritingCalendar(today, today)

    def get_due(self, message: Message) -> Allocation:
        """Return the allocation that the message is about. Raises `NoLongerDue`.

        An automatic message that was kept waiting too long, or whose pool is suspended, is not held, as a key's e-mail
        is: what it says would be late.
        """
        allocation = self.allocations.get(message.topic_id or 0)
        if allocation is None:
            raise NoLongerDue("L'attribution dont parlait ce message n'existe pas.")
        if is_automatic(message):
            today = self.calendar.first_day
            if not self.calendar.is_writing_day(find_place(allocation.school), today):
                raise NoLongerDue(
                    "La relance n'a pas pu partir le jour prévu, et l'on n'écrit pas à l'école aujourd'hui."
                )
            if allocation.pool.entitlement.suspended_on(today):
                raise NoLongerDue("Le lot a été suspendu avant l'envoi : la relance n'aurait pas d'objet.")
        return allocation

    def frame(self, email: KeyEmail, allocation: Allocation, stop_url: str = "") -> RenderedEmail:
        """Render the parts of an e-mail. `stop_url`: by which the school stops such e-mails; empty in previews."""
        giver = get_giver(allocation)
        texts = {
            "subject": email.subject,
            "introduction": email.introduction,
            "key": email.key,
            "button": email.button,
            "address": email.address,
            "steps": email.steps,
            "notes": email.notes,
            "giver": giver,
            "logo": self._get_logo(allocation),
            "contact": describe_contact(self.contact, giver),
            "signature": self.settings.signature.strip(),
            "portal": portal_url(),
            "reason": email.reason,
            "unsubscribe_url": stop_url,
        }
        return RenderedEmail(
            subject=email.subject,
            text=fill_template("pools/emails/email.txt", texts).strip() + "\n",
            html=fill_template("pools/emails/email.html", texts),
            from_name=self.settings.sender_name or giver,
            reply_to=self.contact.email,
            unsubscribe_url=stop_url,
        )

    def _get_logo(self, allocation: Allocation) -> str:
        """Return the address of the logo: the same for all recipients, it cannot be used for tracking."""
        if self.has_logo_inside:
            return logos.build_data_url(bytes(self.settings.logo)) if self.settings.logo else ""
        collectivity = allocation.pool.entitlement.collectivity
        return collectivity.office_url("/logo.png") if collectivity is not None and self.settings.logo else ""


class KeyEmailRenderer(AllocationEmailRenderer):
    """Renders the e-mails of `MessageKind`."""

    @functools.cached_property
    def summary(self) -> str:
        """What pupils do with the product. One query."""
        return get_product_summary()

    def __call__(self, message: Message) -> RenderedEmail:
        """Render a message for sending. Raises `NoLongerDue` or `OnHold`."""
        allocation = self.get_due(message)
        check_due(message, allocation)
        # In what is sent, and only there: whoever reads the office's copy does not read the school's mailbox.
        is_own = message.recipient == allocation.recipient
        proof = f"&jeton={mailbox_proof.sign(allocation.key, message.recipient)}" if is_own else ""
        stop_url = build_stop_url(allocation.pk) if is_automatic(message) else ""
        return self.render(message, allocation, unseal_key(allocation.key), proof=proof, stop_url=stop_url)

    def render(
        self, message: Message, allocation: Allocation, key: str, *, proof: str = "", stop_url: str = ""
    ) -> RenderedEmail:
        """Render a message, whether still due or not. `proof`: lets its link prove the mailbox; empty in previews."""
        # In the fragment, which reaches no server log and no referrer.
        link = portal_url(f"/cle/#cle={key}{proof}")
        email = _read_parts(message, allocation, key, link, summary=self.summary, note=self.settings.letter_note)
        return self.frame(email, allocation, stop_url)


def render(message: Message) -> RenderedEmail:
    """Render the message for sending. Raises `NoLongerDue` or `OnHold`."""
    return KeyEmailRenderer([message])(message)


def preview(message: Message) -> RenderedEmail:
    """Render the message with its key masked and its logo within, whether still due or not."""
    renderer = KeyEmailRenderer([message], has_logo_inside=True)
    allocation = renderer.allocations[message.topic_id or 0]
    return renderer.render(message, allocation, f"{allocation.key.prefix}-{_MASKED}")


def render_with_key(message: Message) -> RenderedEmail:
    """Render the message with its key, whether still due or not. The caller records who saw it."""
    renderer = KeyEmailRenderer([message])
    allocation = renderer.allocations[message.topic_id or 0]
    return renderer.render(message, allocation, unseal_key(allocation.key))


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
    renderer = KeyEmailRenderer([], settings=presentation, has_logo_inside=True)
    key = f"{collectivity.key_prefix}-{_MASKED}"
    return renderer.render(Message(kind=MessageKind.KEY, context={}), allocation, key)


def _read_parts(message: Message, allocation: Allocation, key: str, link: str, *, summary: str, note: str) -> KeyEmail:
    entitlement, giver, added = allocation.pool.entitlement, get_giver(allocation), message.context.get("added", 0)
    is_grown, is_reduced = message.kind == MessageKind.KEY and bool(added), message.kind == MessageKind.REDUCED
    is_credited = (is_grown or is_reduced) and allocation.key.redeemed_at is not None
    shows_key = message.kind != MessageKind.REVOKED and not is_credited
    template = "key_grown" if is_grown and is_credited else message.kind
    parts = read_text_template(
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


def get_giver(allocation: Allocation) -> str:
    """Return the name of the collectivity that allocated."""
    collectivity = allocation.pool.entitlement.collectivity
    return collectivity.name if collectivity is not None else ""


def build_message(allocation: Allocation, kind: str, context: Mapping[str, Any] = MappingProxyType({})) -> NewMessage:
    """Return an e-mail about an allocation, to its address."""
    about = f"{format_school_name(allocation.school.name)} ({allocation.school_id})"
    return NewMessage(str(kind), allocation.recipient, ALLOCATION_TOPIC, allocation.pk, about, context)
