"""E-mails about keys, as text and HTML, in French.

Rendered when they are sent, from the current rows: the key is unsealed then, and never stored in the outbox. All links
lead to the portal; no attachment, no tracking.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from collectivities.models import AuditEntry
from collectivities.office_contact import describe_contact, get_office_contact
from collectivities.queries import get_office_settings
from core import formatting
from core.calendar import date_in_paris
from core.french import school_forms
from core.tenant_connection import connection
from core.urls import portal_url
from licensing.entitlements import mailbox_proof
from licensing.entitlements.models import EntitlementStatus
from licensing.entitlements.queries import unseal_key
from licensing.entitlements.wording import describe_start, format_until
from licensing.pools.models import REVEALED_ACTION, Allocation, MessageKind
from licensing.pools.wording import describe_hold
from mailing.email_template import render_email as render_message
from mailing.kinds import NoLongerDue, OnHold, RenderedEmail
from schools.wording import format_school_name
from tenants.models import Collectivity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collectivities.models import OfficeSettings
    from collectivities.office_contact import OfficeContact
    from mailing.models import Message

#: Shown instead of the key in previews.
_MASKED = "••••-••••-••••"
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


def build_renderer(messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
    """Load the allocations of all these messages in two queries, and return a function that renders each."""
    allocations = _load_allocations(messages)
    presentation = get_office_settings()
    contact = get_office_contact(presentation)

    def render_one(message: Message) -> RenderedEmail:
        allocation = allocations.get(message.topic_id or 0)
        if allocation is None:
            raise NoLongerDue("L'attribution dont parlait ce message n'existe pas.")
        check_due(message, allocation)
        key = unseal_key(allocation.key)
        # In what is sent, and only there: whoever reads the office's copy does not read the school's mailbox.
        proof = (
            mailbox_proof.sign(allocation.key, message.recipient) if message.recipient == allocation.recipient else ""
        )
        return _render(message, allocation, presentation, contact, key, proof=proof)

    return render_one


def render(message: Message) -> RenderedEmail:
    """Render the message for sending. Raises `NoLongerDue` or `OnHold`."""
    return build_renderer([message])(message)


def preview(message: Message) -> RenderedEmail:
    """Render the message with its key masked, whether still due or not."""
    return _render_with(message, lambda allocation: f"{allocation.key.prefix}-{_MASKED}")


def render_with_key(message: Message) -> RenderedEmail:
    """Render the message with its key, whether still due or not. The caller records who saw it."""
    return _render_with(message, lambda allocation: unseal_key(allocation.key))


def check_due(message: Message, allocation: Allocation) -> None:
    """Raise `NoLongerDue` where the content of the message is outdated, `OnHold` while the pool is suspended."""
    if message.kind == MessageKind.REVOKED:
        return
    if allocation.revoked_at is not None:
        raise NoLongerDue("L'attribution a été reprise avant l'envoi.")
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


def _load_allocations(messages: Sequence[Message]) -> dict[int, Allocation]:
    related = Allocation.objects.select_related("pool__entitlement__collectivity", "school", "key")
    return related.in_bulk([message.topic_id for message in messages if message.topic_id is not None])


def _render_with(message: Message, key_of: Callable[[Allocation], str]) -> RenderedEmail:
    allocation = _load_allocations([message])[message.topic_id or 0]
    presentation = get_office_settings()
    return _render(message, allocation, presentation, get_office_contact(presentation), key_of(allocation))


def _render(
    message: Message,
    allocation: Allocation,
    presentation: OfficeSettings,
    contact: OfficeContact,
    key: str,
    *,
    proof: str = "",
) -> RenderedEmail:
    """Render the message. `proof`: the token that lets its link prove the mailbox; empty in previews."""
    giver = _giver(allocation)
    # In the fragment, which reaches no server log and no referrer.
    link = portal_url(f"/cle/#cle={key}{f'&jeton={proof}' if proof else ''}")
    if message.kind == MessageKind.REVOKED:
        email = _build_revoked(allocation, giver, key)
    elif message.kind == MessageKind.REDUCED:
        email = _build_reduced(allocation, giver, key, link)
    elif message.kind == MessageKind.REMINDER:
        email = _build_with_key(allocation, giver, key, link, reminder=True)
    elif message.context.get("added") and allocation.key.redeemed_at is not None:
        email = _build_grown(allocation, giver, int(message.context["added"]))
    else:
        email = _build_with_key(allocation, giver, key, link, grown=bool(message.context.get("added")))
    context = {
        "subject": email.subject,
        "email": email,
        "giver": giver,
        # The same URL for all recipients: it cannot be used for tracking.
        "logo": _logo(allocation, presentation),
        "contact": describe_contact(contact, giver),
        "signature": presentation.signature.strip(),
        "portal": portal_url(),
    }
    return RenderedEmail(
        subject=email.subject,
        text=render_to_string("pools/emails/email.txt", context).strip() + "\n",
        html=render_to_string("pools/emails/email.html", context),
        from_name=presentation.sender_name or giver,
        reply_to=contact.email,
    )


def _giver(allocation: Allocation) -> str:
    collectivity = allocation.pool.entitlement.collectivity
    return collectivity.name if collectivity is not None else ""


def _logo(allocation: Allocation, presentation: OfficeSettings) -> str:
    collectivity = allocation.pool.entitlement.collectivity
    return collectivity.office_url("/logo.png") if collectivity is not None and presentation.logo else ""


def _place(allocation: Allocation) -> str:
    """Return « (Nîmes, UAI 0300001A) », as names are not unique."""
    uai = f"UAI{formatting.NO_BREAK_SPACE}{allocation.school_id}"
    return f"({', '.join(filter(None, [allocation.school.commune, uai]))})"


def _until(allocation: Allocation) -> str:
    return format_until(allocation.pool.entitlement, date_in_paris(timezone.now()))


def _access(allocation: Allocation) -> str:
    """Return from when a teacher who is assigned a licence uses it."""
    return describe_start(allocation.pool.entitlement, date_in_paris(timezone.now())) or "aussitôt"


def _provisional_notes(allocation: Allocation, giver: str) -> tuple[str, ...]:
    """Return the note that licences not paid for yet are provisional; empty where the order is settled."""
    if allocation.pool.entitlement.temporary_until is None:
        return ()
    from_when = describe_start(allocation.pool.entitlement, date_in_paris(timezone.now())) or "dès maintenant"
    if allocation.units == 1:
        note = (
            f"Cette licence est provisoire jusqu'au règlement de la commande de {giver}. Elle s'utilise "
            f"{from_when}, et le règlement la prolongera sans que vous ayez rien à ressaisir."
        )
        return (note,)
    note = (
        f"Ces licences sont provisoires jusqu'au règlement de la commande de {giver}. Elles s'utilisent "
        f"{from_when}, et le règlement les prolongera sans que vous ayez rien à ressaisir."
    )
    return (note,)


def _build_with_key(
    allocation: Allocation, giver: str, key: str, link: str, *, reminder: bool = False, grown: bool = False
) -> KeyEmail:
    units = allocation.units
    licences, school, single = (
        formatting.pluralize(units, "licence"),
        school_forms(allocation.school.name),
        units == 1,
    )
    validity = "Elle est valable" if single else "Elles sont valables"
    if reminder:
        since = formatting.long_date(date_in_paris(allocation.created_at))
        subject = f"Rappel : {licences} Pep's {'attend' if single else 'attendent'} {school.the}"
        introduction = (
            (
                f"Le {since}, {giver} a attribué {licences} Pep's {school.to_the} {_place(allocation)}, "
                f"{_until(allocation)}."
            ),
            "Votre clé n'a pas encore été activée. La voici de nouveau :",
        )
    else:
        subject = f"{giver} vous attribue {licences} Pep's pour {school.the}"
        introduction = (
            f"{giver} attribue {licences} Pep's {school.to_the} {_place(allocation)}. {validity} {_until(allocation)}.",
            "Ce total remplace celui de notre message précédent ; votre clé reste la même :"
            if grown
            else "Voici votre clé d'activation :",
        )
    return KeyEmail(
        subject=_with_plain_spaces(subject),
        introduction=introduction,
        key=key,
        button="Activer ma licence" if single else f"Activer mes {licences}",
        address=link,
        steps=(
            (
                "Ouvrez le lien ci-dessus : créez votre compte avec votre nom et un mot de passe, ou connectez-vous si "
                "vous en avez un."
            ),
            (
                f"Activez : votre compte est crédité et affiche 0/{units}. Si le lien ne s'ouvre pas, recopiez la clé "
                "dans « Mon compte », à « Mes abonnements »."
            ),
            f"Attribuez votre licence à l'enseignant de votre choix : il y accède {_access(allocation)}."
            if single
            else f"Attribuez une licence à chaque enseignant de votre choix : il y accède {_access(allocation)}.",
        ),
        notes=(
            *_provisional_notes(allocation, giver),
            _ONE_LICENCE,
            "Majuscules, tirets et espaces n'ont pas d'importance quand on recopie la clé."
            if single
            else f"La même clé sert pour vos {licences}. Majuscules, tirets et espaces n'ont pas d'importance "
            "quand on la recopie.",
        ),
    )


def _build_grown(allocation: Allocation, giver: str, added: int) -> KeyEmail:
    licences, school = formatting.pluralize(added, "licence"), school_forms(allocation.school.name)
    credited = "déjà créditée sur votre compte" if added == 1 else "déjà créditées sur votre compte"
    return KeyEmail(
        subject=_with_plain_spaces(f"{giver} vous attribue {licences} Pep's de plus pour {school.the}"),
        introduction=(
            f"{giver} attribue {licences} Pep's de plus {school.to_the} {_place(allocation)}, {_until(allocation)}.",
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
        notes=(_ONE_LICENCE,),
    )


def _build_reduced(allocation: Allocation, giver: str, key: str, link: str) -> KeyEmail:
    units, school = allocation.units, school_forms(allocation.school.name)
    licences = formatting.pluralize(units, "licence")
    subject = _with_plain_spaces(f"Votre clé Pep's vaut désormais {licences} pour {school.the}")
    reduction = (
        f"{giver} ramène à {licences} Pep's ce qui était attribué {school.to_the} {_place(allocation)}, "
        f"{_until(allocation)}."
    )
    if allocation.key.redeemed_at is not None:
        return KeyEmail(
            subject=subject,
            introduction=(reduction, f"Vous avez activé votre clé depuis : votre compte est crédité de {licences}."),
            button="Ouvrir « Mon compte »",
            address=portal_url("/mon-compte/"),
            notes=(_ONE_LICENCE,),
        )
    return KeyEmail(
        subject=subject,
        introduction=(reduction, "Ce total remplace celui de notre message précédent ; votre clé reste la même :"),
        key=key,
        button="Activer ma licence" if units == 1 else f"Activer mes {licences}",
        address=link,
        steps=(
            "Ouvrez le lien ci-dessus : créez votre compte, ou connectez-vous si vous en avez un.",
            f"Activez : votre compte est crédité et affiche 0/{units}.",
        ),
        notes=(_ONE_LICENCE,),
    )


def _build_revoked(allocation: Allocation, giver: str, key: str) -> KeyEmail:
    """Name the key by its last symbols: the school may have another one, which it must keep."""
    single, school = allocation.units == 1, school_forms(allocation.school.name)
    licences = "la licence" if single else f"les {formatting.pluralize(allocation.units, 'licence')}"
    given = formatting.long_date(date_in_paris(allocation.created_at))
    return KeyEmail(
        subject=_with_plain_spaces(f"La clé Pep's envoyée {school.to_the} n'est plus valable"),
        introduction=(
            (
                f"{giver} a repris {licences} Pep's {'attribuée' if single else 'attribuées'} le {given} "
                f"{school.to_the} {_place(allocation)}."
            ),
            (
                f"La clé qui se termine par {key.rpartition('-')[2]} ne peut donc plus être activée. Vous n'avez rien "
                "à faire ; vous pouvez supprimer le message qui la contenait."
            ),
            "Cela ne change rien aux autres clés Pep's que vous auriez reçues : gardez-les.",
        ),
    )


def render_many_revealed(message: Message) -> RenderedEmail:
    """Render the notice that an account has had many keys shown; it counts up to the moment when it is sent."""
    actor = User.objects.get(pk=message.topic_id or 0)
    since = datetime.datetime.fromisoformat(message.context["since"])
    shown = AuditEntry.objects.filter(action=REVEALED_ACTION, actor_id=actor.pk, at__gte=since).count()
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    who = f"{actor} (identifiant « {actor.username} »)"
    start = f"{formatting.long_date(date_in_paris(since))} à {timezone.localtime(since):%H:%M}"
    return render_message(
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


def _with_plain_spaces(subject: str) -> str:
    """Replace no-break spaces in a subject, so that mail searches match its words."""
    return subject.replace(formatting.NO_BREAK_SPACE, " ")


def school_label(allocation: Allocation) -> str:
    """Return the school as shown in the list of messages."""
    return f"{format_school_name(allocation.school.name)} ({allocation.school_id})"
