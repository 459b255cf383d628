"""E-mails about keys, as text and HTML, in French.

Rendered when they are sent, from the current rows: the key is unsealed then, and never stored in the outbox. All links
lead to the portal; no attachment, no tracking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.db.models import Prefetch
from django.template.loader import render_to_string
from django.utils import timezone

from collectivities import logos
from collectivities.models import OfficeSettings
from collectivities.queries import OfficeContact, describe_contact, get_office_contact, get_office_settings
from core import formatting
from core.calendar import date_in_paris
from core.formatting import collectivity_forms
from core.links import portal_url
from licensing.catalogue.operations import get_last_day, get_product_summary
from licensing.entitlements import mailbox_proof
from licensing.entitlements.models import Entitlement, EntitlementStatus
from licensing.entitlements.queries import unseal_key
from licensing.pools import automatic_emails
from licensing.pools.key_email_texts import (
    KeyEmail,
    answer_request,
    build_grown,
    build_reduced,
    build_revoked,
    build_with_key,
    explain_move,
)
from licensing.pools.models import Allocation, MessageKind, Pool
from licensing.pools.stop_links import build_stop_url
from licensing.pools.wording import describe_hold
from mailing.kinds import NoLongerDue, OnHold, RenderedEmail
from mailing.models import Message
from schools.models import School
from schools.wording import format_school_name
from tenants.models import Collectivity

#: Shown instead of the key in previews.
_MASKED = "••••-••••-••••"
_SAMPLE_UAI, _SAMPLE_UNITS = "0000000X", 5


def build_renderer(messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
    """Load what all these messages say, in five queries at most; return a function that renders each."""
    allocations = load_allocations(messages)
    presentation = get_office_settings()
    contact = get_office_contact(presentation)
    summary = get_product_summary()
    calendar = automatic_emails.load_calendar(messages)

    def render_one(message: Message) -> RenderedEmail:
        allocation = allocations.get(message.topic_id or 0)
        if allocation is None:
            raise NoLongerDue("L'attribution dont parlait ce message n'existe pas.")
        automatic_emails.check_automatic_due(message, allocation, calendar)
        check_due(message, allocation)
        key = unseal_key(allocation.key)
        # In what is sent, and only there: whoever reads the office's copy does not read the school's mailbox.
        proof = (
            mailbox_proof.sign(allocation.key, message.recipient) if message.recipient == allocation.recipient else ""
        )
        stop_url = build_stop_url(allocation.pk) if automatic_emails.is_automatic(message) else ""
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
    giver = collectivity_forms(get_giver(allocation)).the
    # In the fragment, which reaches no server log and no referrer.
    link = portal_url(f"/cle/#cle={key}{f'&jeton={proof}' if proof else ''}")
    if message.kind == MessageKind.REVOKED:
        email = build_revoked(allocation, giver, key)
    elif message.kind == MessageKind.REDUCED:
        email = build_reduced(allocation, giver, key, link)
    elif message.kind == MessageKind.REMINDER:
        email = build_with_key(allocation, giver, key, link, reminder=True)
        if automatic_emails.is_automatic(message):
            email = replace(
                email, reason=automatic_emails.describe_reason(get_giver(allocation), "votre clé n'est pas activée")
            )
    elif message.context.get("added") and allocation.key.redeemed_at is not None:
        email = build_grown(allocation, giver, int(message.context["added"]))
    else:
        email = build_with_key(allocation, giver, key, link, grown=bool(message.context.get("added")))
    if presentation.letter_note and message.kind not in (MessageKind.REDUCED, MessageKind.REVOKED):
        gift, *rest = email.introduction
        added = f"{formatting.start_sentence(giver)} ajoute : « {presentation.letter_note} »"
        email = replace(email, introduction=(gift, added, *rest))
    if asked := int(message.context.get("asked", 0)):
        email = answer_request(email, asked=asked, given=int(message.context.get("added", allocation.units)))
    elif message.context.get("moved"):
        email = explain_move(email, giver)
    if summary and email.key:
        # Whoever opens a key may not know what it is for.
        email = replace(email, notes=(formatting.end_sentence(summary), *email.notes))
    return frame_email(email, allocation, presentation, contact, logo=logo, stop_url=stop_url)


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
