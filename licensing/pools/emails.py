"""E-mails about keys, as text and HTML, in French.

Rendered when they are sent, from the current rows: the key is unsealed then, and never stored in the outbox. All links
lead to the portal; no attachment, no tracking.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
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
from core.formatting import collectivity_forms, is_elided, school_forms
from core.links import portal_url
from licensing.catalogue.operations import get_last_day, get_product_summary
from licensing.entitlements import mailbox_proof
from licensing.entitlements.models import Entitlement, EntitlementStatus
from licensing.entitlements.queries import unseal_key
from licensing.entitlements.wording import describe_start, format_long_date
from licensing.pools.models import REVEALED_ACTION, Allocation, MessageKind, Pool
from licensing.pools.wording import describe_hold
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, OnHold, RenderedEmail, render_email
from mailing.models import Message
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
    who = f"{actor} (identifiant « {actor.username} »)"
    start = f"{formatting.long_date(date_in_paris(since))} à {timezone.localtime(since):%H:%M}"
    return render_email(
        subject=f"{formatting.number(shown)} clés affichées dans le bureau {office.name}",
        paragraphs=[
            (
                f"{who} a fait afficher {formatting.number(shown)} clés d'activation depuis le {start}. "
                "Une clé affichée peut être activée par qui la connaît."
            ),
            (
                "Si c'est voulu, il n'y a rien à faire. Sinon, retirez cette personne du bureau, puis reprenez les "
                "licences dont la clé n'est pas activée : le journal dit lesquelles."
            ),
        ],
        button="Ouvrir le journal",
        address=office.office_url(f"/journal/?{urlencode({'text': actor.username, 'subject': 'keys'})}"),
        notes=["Les gestionnaires du bureau reçoivent ce message, une fois par jour au plus pour une même personne."],
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


# What the e-mails about keys say, in French: their parts, without the frame. Read from rows, writes nothing.
#
# `giver`: the name of the collectivity with its article, « la Ville de Nîmes ».

_ONE_LICENCE = "1 licence = 1 classe = 1 enseignant et 30 comptes élèves."


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


def _access(allocation: Allocation) -> str:
    """Return from when a teacher who is assigned a licence uses it."""
    return describe_start(allocation.pool.entitlement, date_in_paris(timezone.now())) or "aussitôt"


def answer_request(email: KeyEmail, *, asked: int, given: int) -> KeyEmail:
    """Return the e-mail with the sentence that its licences are the answer to the school's request."""
    licences = formatting.pluralize(asked, "licence")
    answer = (
        "c'est la réponse à votre demande." if given >= asked else "c'est ce que nous pouvons donner à votre école."
    )
    gift, *rest = email.introduction
    return replace(email, introduction=(gift, f"Vous aviez demandé {licences} : {answer}", *rest))


def explain_move(email: KeyEmail, giver: str) -> KeyEmail:
    """Return the e-mail with the sentence why its licences came unasked, to a school that uses all that it has."""
    why = f"Vous n'aviez plus de licence à donner : {giver} répartit celles qui ne servaient pas ailleurs."
    return replace(email, introduction=(*email.introduction, why))


def describe_extension(allocation: Allocation) -> tuple[str, ...]:
    """Return the note that licences which end earlier are to be extended; empty where they run until the last day."""
    entitlement = allocation.pool.entitlement
    if entitlement.provisional_until is None or entitlement.provisional_until == entitlement.last_day:
        return ()
    these = "Cette licence doit" if allocation.units == 1 else "Ces licences doivent"
    extended = "prolongée" if allocation.units == 1 else "prolongées"
    last = format_long_date(entitlement.last_day)
    return (f"{these} être {extended} jusqu'au {last} inclus, sans que vous ayez rien à ressaisir.",)


def build_with_key(
    allocation: Allocation, giver: str, key: str, link: str, *, reminder: bool = False, grown: bool = False
) -> KeyEmail:
    units = allocation.units
    licences, school, single = (
        formatting.pluralize(units, "licence"),
        school_forms(allocation.school.name),
        units == 1,
    )
    validity = "Elle est valable" if single else "Elles sont valables"
    the_giver = formatting.start_sentence(giver)
    if reminder:
        since = formatting.long_date(date_in_paris(allocation.created_at))
        subject = f"Rappel : {licences} Pep's {'attend' if single else 'attendent'} {school.the}"
        introduction = (
            (
                f"Le {since}, {giver} a attribué {licences} Pep's {school.to_the} {describe_place(allocation)}, "
                f"{describe_end(allocation)}."
            ),
            PRODUCT_SENTENCE,
            "Votre clé n'a pas encore été activée. La voici de nouveau :",
        )
    else:
        subject = f"{the_giver} vous attribue {licences} Pep's pour {school.the}"
        introduction = (
            (
                f"{the_giver} attribue {licences} Pep's {school.to_the} {describe_place(allocation)}. "
                f"{validity} {describe_end(allocation)}."
            ),
            PRODUCT_SENTENCE,
            "Ce total remplace celui de notre message précédent ; votre clé reste la même :"
            if grown
            else "Voici votre clé d'activation :",
        )
    return KeyEmail(
        subject=with_plain_spaces(subject),
        introduction=introduction,
        key=key,
        button="Activer ma licence" if single else f"Activer mes {licences}",
        address=link,
        steps=(
            (
                "Ouvrez le lien ci-dessus : créez votre compte avec votre nom et un mot de passe, ou connectez-vous si "
                "vous en avez un."
            ),
            "Activez : votre compte affiche « 0 sur 1 », car la licence n'est pas encore attribuée."
            if single
            else f"Activez : votre compte affiche « 0 sur {units} », car aucune licence n'est encore attribuée.",
            f"Attribuez votre licence à l'enseignant de votre choix : il y accède {_access(allocation)}."
            if single
            else f"Attribuez une licence à chaque enseignant de votre choix : il y accède {_access(allocation)}.",
        ),
        notes=(
            *describe_extension(allocation),
            _ONE_LICENCE,
            f"Le lien ne s'ouvre pas ? Saisissez la clé à l'adresse {portal_url('/cle/')}",
            "Majuscules, tirets et espaces n'ont pas d'importance quand on recopie la clé."
            if single
            else f"La même clé sert pour vos {licences}. Majuscules, tirets et espaces n'ont pas d'importance "
            "quand on la recopie.",
        ),
    )


def build_grown(allocation: Allocation, giver: str, added: int) -> KeyEmail:
    licences, school = formatting.pluralize(added, "licence"), school_forms(allocation.school.name)
    the_giver = formatting.start_sentence(giver)
    credited = "déjà créditée sur votre compte" if added == 1 else "déjà créditées sur votre compte"
    return KeyEmail(
        subject=with_plain_spaces(f"{the_giver} vous attribue {licences} Pep's de plus pour {school.the}"),
        introduction=(
            (
                f"{the_giver} attribue {licences} Pep's de plus {school.to_the} {describe_place(allocation)}, "
                f"{describe_end(allocation)}."
            ),
            (
                f"{'Elle est' if added == 1 else 'Elles sont'} {credited}, qui en compte désormais "
                f"{formatting.number(allocation.units)} : vous n'avez aucune clé à saisir."
            ),
        ),
        button="Ouvrir « Mon compte »",
        address=portal_url("/mon-compte/"),
        steps=(
            "Ouvrez « Mon compte » sur le portail Pep's par le lien ci-dessus, et connectez-vous.",
            f"Dans « Mes abonnements », vérifiez le nouveau total : {formatting.number(allocation.units)}.",
            f"Attribuez une licence à chaque enseignant de votre choix : il y accède {_access(allocation)}.",
        ),
        notes=(*describe_extension(allocation), _ONE_LICENCE),
    )


def build_reduced(allocation: Allocation, giver: str, key: str, link: str) -> KeyEmail:
    units, school = allocation.units, school_forms(allocation.school.name)
    licences, the_giver = formatting.pluralize(units, "licence"), formatting.start_sentence(giver)
    subject = with_plain_spaces(f"Votre clé Pep's vaut désormais {licences} pour {school.the}")
    reduction = (
        f"{the_giver} ramène à {licences} Pep's ce qui était attribué {school.to_the} {describe_place(allocation)}, "
        f"{describe_end(allocation)}."
    )
    if allocation.key.redeemed_at is not None:
        return KeyEmail(
            subject=subject,
            introduction=(reduction, f"Vous avez activé votre clé depuis : votre compte est crédité de {licences}."),
            button="Ouvrir « Mon compte »",
            address=portal_url("/mon-compte/"),
            notes=(*describe_extension(allocation), _ONE_LICENCE),
        )
    return KeyEmail(
        subject=subject,
        introduction=(reduction, "Ce total remplace celui de notre message précédent ; votre clé reste la même :"),
        key=key,
        button="Activer ma licence" if units == 1 else f"Activer mes {licences}",
        address=link,
        steps=(
            "Ouvrez le lien ci-dessus : créez votre compte, ou connectez-vous si vous en avez un.",
            f"Activez : votre compte est crédité et affiche « 0 sur {units} ».",
        ),
        notes=(*describe_extension(allocation), _ONE_LICENCE),
    )


def build_revoked(allocation: Allocation, giver: str, key: str) -> KeyEmail:
    """Name the key by its last symbols: the school may have another one, which it must keep."""
    single, school = allocation.units == 1, school_forms(allocation.school.name)
    licences = "la licence" if single else f"les {formatting.pluralize(allocation.units, 'licence')}"
    given, the_giver = formatting.long_date(date_in_paris(allocation.created_at)), formatting.start_sentence(giver)
    return KeyEmail(
        subject=with_plain_spaces(f"La clé Pep's envoyée {school.to_the} n'est plus valable"),
        introduction=(
            (
                f"{the_giver} a repris {licences} Pep's {'attribuée' if single else 'attribuées'} le {given} "
                f"{school.to_the} {describe_place(allocation)}."
            ),
            (
                f"La clé qui se termine par {key.rpartition('-')[2]} ne peut donc plus être activée. Vous n'avez rien "
                "à faire ; vous pouvez supprimer le message qui la contenait."
            ),
            "Cela ne change rien aux autres clés Pep's que vous auriez reçues : gardez-les.",
        ),
    )


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
    giver = collectivity_forms(get_giver(allocation)).the
    # In the fragment, which reaches no server log and no referrer.
    link = portal_url(f"/cle/#cle={key}{f'&jeton={proof}' if proof else ''}")
    if message.kind == MessageKind.REVOKED:
        email = build_revoked(allocation, giver, key)
    elif message.kind == MessageKind.REDUCED:
        email = build_reduced(allocation, giver, key, link)
    elif message.kind == MessageKind.REMINDER:
        email = build_with_key(allocation, giver, key, link, reminder=True)
        if is_automatic(message):
            email = replace(email, reason=describe_reason(get_giver(allocation), "votre clé n'est pas activée"))
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
