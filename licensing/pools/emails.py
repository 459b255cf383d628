"""The e-mails about keys: what each says, in French, as text and as HTML.

Rendered when they are sent, from what is true at that moment: the key is read from its sealed row, and rests in no
outbox. Links all lead to the portal; there is no attachment and nothing that tells whether a message was opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.template.loader import render_to_string
from django.utils import timezone

from collectivities.queries import office_settings
from licensing.catalogue.operations import day_in_france
from licensing.pools.models import Allocation, MessageKind
from licensing.pools.wording import named
from licensing.subscriptions.models import Standing
from licensing.subscriptions.queries import key_display
from licensing.subscriptions.wording import until
from mailing.kinds import NoLongerDue, Rendered
from schools.wording import school_name
from tenants.addresses import office_url
from web import typography
from web.addresses import portal_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collectivities.models import OfficeSettings
    from mailing.models import Message

#: What stands for the key where it must not be seen.
MASKED = "••••-••••-••••"
_ONE_LICENCE = "1 licence = 1 classe = 1 enseignant et 30 comptes élèves."


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One e-mail's parts, in the order they are read."""

    subject: str
    #: Who gives what to which school and until when.
    opening: tuple[str, ...]
    #: The key as it is typed; empty where the e-mail carries none.
    key: str = ""
    button: str = ""
    address: str = ""
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def gather(messages: Sequence[Message]) -> Callable[[Message], Rendered]:
    """Read what all these messages speak of in two queries, and return what renders each."""
    allocations = _allocations(messages)
    presentation = office_settings()

    def render_one(message: Message) -> Rendered:
        allocation = allocations.get(message.topic_id or 0)
        if allocation is None:
            raise NoLongerDue("L'attribution dont parlait ce message n'existe pas.")
        check_due(message, allocation)
        return _rendered(message, allocation, presentation, key_display(allocation.key))

    return render_one


def render(message: Message) -> Rendered:
    """Return the message as it is to be sent. Raises `NoLongerDue`."""
    return gather([message])(message)


def preview(message: Message) -> Rendered:
    """Return the message with its key masked, whatever became of it since."""
    return _shown(message, lambda allocation: f"{allocation.key.prefix}-{MASKED}")


def whole(message: Message) -> Rendered:
    """Return the message with its key, whatever became of it since. For the operation that writes down who looked."""
    return _shown(message, lambda allocation: key_display(allocation.key))


def check_due(message: Message, allocation: Allocation) -> None:
    """Raise `NoLongerDue` where what the message says stopped being true before it left."""
    if message.kind == MessageKind.REVOKED:
        return
    if allocation.revoked_at is not None:
        raise NoLongerDue("L'attribution a été reprise avant l'envoi.")
    # A volume that changed is worth telling even when the key was redeemed in between: the account shows the result.
    changed = message.context.get("added") or message.kind == MessageKind.REDUCED
    if allocation.key.redeemed_at is not None and not changed:
        raise NoLongerDue("La clé a été activée avant l'envoi.")
    source = allocation.pool.source
    match source.standing_on(day_in_france(timezone.now())):
        case Standing.SUSPENDED | Standing.LAPSED:
            raise NoLongerDue("Le lot a été suspendu avant l'envoi : renvoyez la clé quand il sera rétabli.")
        case Standing.CANCELLED:
            raise NoLongerDue("La commande du lot a été annulée avant l'envoi.")
        case Standing.ENDED:
            raise NoLongerDue("Les licences de ce lot ont expiré avant l'envoi.")


def _allocations(messages: Sequence[Message]) -> dict[int, Allocation]:
    related = Allocation.objects.select_related("pool__source__collectivity", "school", "key")
    return related.in_bulk([message.topic_id for message in messages if message.topic_id is not None])


def _shown(message: Message, key_of: Callable[[Allocation], str]) -> Rendered:
    allocation = _allocations([message])[message.topic_id or 0]
    return _rendered(message, allocation, office_settings(), key_of(allocation))


def _rendered(message: Message, allocation: Allocation, presentation: OfficeSettings, key: str) -> Rendered:
    giver = _giver(allocation)
    if message.kind == MessageKind.REVOKED:
        letter = _revoked(allocation, giver)
    elif message.kind == MessageKind.REDUCED:
        letter = _reduced(allocation, giver, key)
    elif message.kind == MessageKind.REMINDER:
        letter = _with_key(allocation, giver, key, reminder=True)
    elif message.context.get("added") and allocation.key.redeemed_at is not None:
        letter = _grown(allocation, giver, int(message.context["added"]))
    else:
        letter = _with_key(allocation, giver, key, grown=bool(message.context.get("added")))
    context = {
        "letter": letter,
        "giver": giver,
        # The same address for everybody: it tells nothing about who opens what.
        "logo": _logo(allocation, presentation),
        "reply_to": presentation.reply_to,
        "signature": presentation.signature.strip(),
        "portal": portal_url(),
    }
    return Rendered(
        subject=letter.subject,
        text=render_to_string("pools/emails/letter.txt", context).strip() + "\n",
        html=render_to_string("pools/emails/letter.html", context),
        from_name=presentation.sender_name or giver,
        reply_to=presentation.reply_to,
    )


def _giver(allocation: Allocation) -> str:
    collectivity = allocation.pool.source.collectivity
    return collectivity.name if collectivity is not None else ""


def _logo(allocation: Allocation, presentation: OfficeSettings) -> str:
    collectivity = allocation.pool.source.collectivity
    return office_url(collectivity, "/logo.png") if collectivity is not None and presentation.logo else ""


def _place(allocation: Allocation) -> str:
    """Return « (Nîmes, UAI 0300001A) »: schools of the same name abound."""
    uai = f"UAI{typography.NO_BREAK_SPACE}{allocation.school_id}"
    return f"({', '.join(filter(None, [allocation.school.commune, uai]))})"


def _until(allocation: Allocation) -> str:
    return until(allocation.pool.source, day_in_france(timezone.now()))


def _provisional(allocation: Allocation, giver: str) -> tuple[str, ...]:
    """Say what a licence is worth that is not paid for yet, to a principal who is about to give it to his teachers."""
    if allocation.pool.source.temporary_until is None:
        return ()
    if allocation.units == 1:
        one = (
            f"Cette licence est provisoire jusqu'au règlement de la commande de {giver}. Elle s'utilise dès "
            "maintenant, et le règlement la prolongera sans que vous ayez rien à ressaisir."
        )
        return (one,)
    several = (
        f"Ces licences sont provisoires jusqu'au règlement de la commande de {giver}. Elles s'utilisent dès "
        "maintenant, et le règlement les prolongera sans que vous ayez rien à ressaisir."
    )
    return (several,)


def _with_key(allocation: Allocation, giver: str, key: str, *, reminder: bool = False, grown: bool = False) -> Letter:
    units = allocation.units
    licences, school, one = typography.plural(units, "licence"), named(allocation.school.name), units == 1
    runs = "Elle est valable" if one else "Elles sont valables"
    if reminder:
        since = typography.day(day_in_france(allocation.created_at))
        subject = f"Rappel : {licences} Pep's {'attend' if one else 'attendent'} {school.the}"
        opening = (
            (
                f"Le {since}, {giver} a attribué {licences} Pep's {school.to_the} {_place(allocation)}, "
                f"{_until(allocation)}."
            ),
            "Votre clé n'a pas encore été activée. La voici de nouveau :",
        )
    else:
        subject = f"{giver} vous attribue {licences} Pep's pour {school.the}"
        opening = (
            f"{giver} attribue {licences} Pep's {school.to_the} {_place(allocation)}. {runs} {_until(allocation)}.",
            "Ce total remplace celui de notre message précédent ; votre clé reste la même :"
            if grown
            else "Voici votre clé d'activation :",
        )
    return Letter(
        subject=_plain(subject),
        opening=opening,
        key=key,
        button="Activer ma licence" if one else f"Activer mes {licences}",
        # In the fragment, which no server's log and no referrer ever sees.
        address=portal_url(f"/mon-compte/#cle={key}"),
        steps=(
            (
                "Ouvrez « Mon compte » sur le portail Pep's par le lien ci-dessus, et connectez-vous ; "
                "si vous n'avez pas encore de compte, créez-en un avec le profil « Chef d'établissement »."
            ),
            (
                "Dans « Mes abonnements », la clé est déjà saisie (sinon, recopiez-la) : validez. "
                f"Votre compte est crédité et affiche 0/{units}."
            ),
            "Attribuez votre licence à l'enseignant de votre choix : il y accède aussitôt."
            if one
            else "Attribuez une licence à chaque enseignant de votre choix : il y accède aussitôt.",
        ),
        notes=(
            *_provisional(allocation, giver),
            _ONE_LICENCE,
            "Majuscules, tirets et espaces n'ont pas d'importance quand on recopie la clé."
            if one
            else f"La même clé sert pour vos {licences}. Majuscules, tirets et espaces n'ont pas d'importance "
            "quand on la recopie.",
        ),
    )


def _grown(allocation: Allocation, giver: str, added: int) -> Letter:
    licences, school = typography.plural(added, "licence"), named(allocation.school.name)
    agreed = "déjà créditée sur votre compte" if added == 1 else "déjà créditées sur votre compte"
    return Letter(
        subject=_plain(f"{giver} vous attribue {licences} Pep's de plus pour {school.the}"),
        opening=(
            f"{giver} attribue {licences} Pep's de plus {school.to_the} {_place(allocation)}, {_until(allocation)}.",
            (
                f"{'Elle est' if added == 1 else 'Elles sont'} {agreed}, qui en compte désormais "
                f"{typography.number(allocation.units)} : vous n'avez aucune clé à saisir."
            ),
        ),
        button="Ouvrir « Mon compte »",
        address=portal_url("/mon-compte/"),
        steps=(
            "Ouvrez « Mon compte » sur le portail Pep's par le lien ci-dessus, et connectez-vous.",
            f"Dans « Mes abonnements », vérifiez le nouveau total : {typography.number(allocation.units)}.",
            "Attribuez une licence à chaque enseignant de votre choix : il y accède aussitôt.",
        ),
        notes=(_ONE_LICENCE,),
    )


def _reduced(allocation: Allocation, giver: str, key: str) -> Letter:
    units, school = allocation.units, named(allocation.school.name)
    licences = typography.plural(units, "licence")
    subject = _plain(f"Votre clé Pep's vaut désormais {licences} pour {school.the}")
    lowered = (
        f"{giver} ramène à {licences} Pep's ce qui était attribué {school.to_the} {_place(allocation)}, "
        f"{_until(allocation)}."
    )
    if allocation.key.redeemed_at is not None:
        return Letter(
            subject=subject,
            opening=(lowered, f"Vous avez activé votre clé depuis : votre compte est crédité de {licences}."),
            button="Ouvrir « Mon compte »",
            address=portal_url("/mon-compte/"),
            notes=(_ONE_LICENCE,),
        )
    return Letter(
        subject=subject,
        opening=(lowered, "Ce total remplace celui de notre message précédent ; votre clé reste la même :"),
        key=key,
        button="Activer ma licence" if units == 1 else f"Activer mes {licences}",
        address=portal_url(f"/mon-compte/#cle={key}"),
        steps=(
            "Ouvrez « Mon compte » sur le portail Pep's par le lien ci-dessus, et connectez-vous.",
            (
                "Dans « Mes abonnements », la clé est déjà saisie (sinon, recopiez-la) : validez. "
                f"Votre compte est crédité et affiche 0/{units}."
            ),
        ),
        notes=(_ONE_LICENCE,),
    )


def _revoked(allocation: Allocation, giver: str) -> Letter:
    one, school = allocation.units == 1, named(allocation.school.name)
    licences = "la licence" if one else f"les {typography.plural(allocation.units, 'licence')}"
    return Letter(
        subject=_plain(f"La clé Pep's envoyée {school.to_the} n'est plus valable"),
        opening=(
            (
                f"{giver} a repris {licences} Pep's {'attribuée' if one else 'attribuées'} {school.to_the} "
                f"{_place(allocation)}."
            ),
            (
                "La clé que vous avez reçue ne peut donc plus être activée. Vous n'avez rien à faire ; "
                "vous pouvez supprimer le message qui la contenait."
            ),
        ),
    )


def _plain(subject: str) -> str:
    """Return a subject with ordinary spaces: mailboxes break lines as they please, and people search for words."""
    return subject.replace(typography.NO_BREAK_SPACE, " ")


def about(allocation: Allocation) -> str:
    """Return the school as the list of messages names it."""
    return f"{school_name(allocation.school.name)} ({allocation.school_id})"
