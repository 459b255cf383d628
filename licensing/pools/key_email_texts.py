"""What the e-mails about keys say, in French: their parts, without the frame. Read from rows, writes nothing.

`giver`: the name of the collectivity with its article, « la Ville de Nîmes ».
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.utils import timezone

from core import formatting
from core.calendar import date_in_paris
from core.formatting import school_forms
from core.links import portal_url
from licensing.entitlements.wording import describe_start, format_long_date
from licensing.pools.models import Allocation
from mailing.kinds import PRODUCT_SENTENCE

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
