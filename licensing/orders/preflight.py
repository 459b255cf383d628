"""What an invoice to a public body still lacks, by Chorus Pro's rules: told at once, completed until the invoice.

`missing` and the judgements below it are pure. `of` looks up what they need: the body in Chorus Pro's directory as the
operator loaded it, and the school whose SIRET was typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stdnum import luhn
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.fr import siret as siret_number

from licensing.orders.models import Payer, PublicBody
from schools.models import School
from web import typography

if TYPE_CHECKING:
    from licensing.orders.models import Order

SIRET_LENGTH = 14
_SIREN_LENGTH = 9
#: The first establishment of a body is its head office.
_HEAD_OFFICE = "0001"
#: Every commune's, intercommunality's, département's and région's SIREN begins with it.
_LOCAL_AUTHORITY = "2"
#: A list of services longer than that is not read: the buyer asks his accounts office.
_MOST_SERVICES_TOLD = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that the invoice lacks."""

    #: The order's field that it is about: `payer`, `siret`, `service_code` or `engagement_number`.
    field: str
    sentence: str
    #: It is not absent but mistaken: the order is not placed with it. What is absent can wait for the invoice.
    wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What was looked up, and what it comes to."""

    missing: list[Missing]
    #: The body whose SIRET it is, where Chorus Pro's directory has been loaded and holds it.
    body: PublicBody | None
    #: What we cannot judge, in a sentence; empty where there is nothing to say.
    note: str

    @property
    def wrong(self) -> list[Missing]:
        """Return what must be put right before the order is placed."""
        return [one for one in self.missing if one.wrong]


def digits(text: str) -> str:
    """Return a SIRET as it is stored: without the spaces and points that people write in it."""
    return "".join(text.split()).replace(".", "").replace("-", "")


def spelled(siret: str) -> str:
    """Return « 213 001 894 00015 », in one piece."""
    return f"{siret[:3]} {siret[3:6]} {siret[6:9]} {siret[9:]}".replace(" ", typography.NO_BREAK_SPACE)


def fault_of(siret: str) -> str:
    """Return what is wrong with a SIRET that is not one, in a sentence; empty where it is one."""
    try:
        siret_number.validate(siret)
    except InvalidChecksum:
        return "Ce SIRET comporte une faute de frappe : ses chiffres ne se vérifient pas. Recopiez-le."
    except ValidationError:
        return f"Un SIRET compte {SIRET_LENGTH} chiffres, sans lettre."
    return ""


def is_public_primary(school: School | None) -> bool:
    """Tell whether the school is a public école, which has no legal personality: its commune pays."""
    return school is not None and school.type == "Ecole" and school.sector == "Public"


def head_office(siret: str) -> str:
    """Return the SIRET of the head office of a body: of its SIREN, or of the SIRET of any of its establishments."""
    start = siret[:_SIREN_LENGTH] + _HEAD_OFFICE
    return start + str(luhn.calc_check_digit(start))


def is_public(*, payer: str, school: School | None, body: PublicBody | None) -> bool:
    """Tell whether the invoice goes to a public body, through Chorus Pro."""
    return (
        body is not None
        or payer in (Payer.COLLECTIVITY, Payer.TOWN_HALL)
        or (payer == Payer.SCHOOL and school is not None and school.sector == "Public")
    )


def missing(
    *,
    payer: str,
    siret: str,
    service_code: str,
    engagement_number: str,
    school: School | None = None,
    owner: School | None = None,
    body: PublicBody | None = None,
) -> list[Missing]:
    """Return all that the invoice lacks or has wrong, in the order of the form; nothing where it can be issued.

    `school`: the one that the licences are for. `owner`, `body`: the public école, and the body, of that SIRET, if any.
    """
    if payer == Payer.SCHOOL and is_public_primary(school):
        return [
            Missing(
                field="payer",
                sentence="Une école publique n'a pas de personnalité juridique : aucune facture ne peut lui être "
                "adressée. Choisissez « La mairie », ou « La coopérative scolaire » si c'est elle qui paie.",
                wrong=True,
            )
        ]
    public = is_public(payer=payer, school=school, body=body)
    if not siret:
        return [_no_siret(payer)] if public else []
    fault = fault_of(siret) or _of_a_school(siret, owner or school)
    if fault:
        return [Missing(field="siret", sentence=fault, wrong=True)]
    return _asked_by(body, service_code, engagement_number) if body else []


def _no_siret(payer: str) -> Missing:
    whose = {Payer.COLLECTIVITY: "de votre collectivité", Payer.TOWN_HALL: "de la commune"}
    return Missing(
        field="siret",
        sentence=f"Indiquez le SIRET {whose.get(Payer(payer), 'de votre établissement')} ({SIRET_LENGTH} chiffres) : "
        "sans lui, sa facture ne peut pas être déposée sur Chorus Pro.",
    )


def _of_a_school(siret: str, school: School | None) -> str:
    # A handful of communes have their head office's SIRET in the directory as that of their school: it is theirs.
    if school is None or not is_public_primary(school) or siret != school.siret or siret == head_office(siret):
        return ""
    return (
        "Ce SIRET est celui de l'école, qui n'a pas de personnalité juridique : la facture s'adresse à sa commune. "
        f"Le SIRET de la commune est sans doute le {spelled(head_office(siret))}."
    )


def _asked_by(body: PublicBody, service_code: str, engagement_number: str) -> list[Missing]:
    """Return what this body asks for and was not given, or does not know."""
    found = []
    if body.service_or_engagement_required and not service_code and not engagement_number:
        found.append(
            Missing(
                field="service_code",
                sentence=f"« {body.name} » demande un code service ou un numéro d'engagement : "
                f"l'un des deux suffit.{_services_of(body)}",
            )
        )
    elif body.service_required and not service_code:
        found.append(
            Missing(field="service_code", sentence=f"« {body.name} » demande un code service.{_services_of(body)}")
        )
    if service_code and body.services and service_code not in {one["code"] for one in body.services}:
        found.append(
            Missing(
                field="service_code",
                sentence=f"Le code service « {service_code} » n'est pas de ceux que « {body.name} » a déclarés sur "
                f"Chorus Pro.{_services_of(body)}",
            )
        )
    if body.engagement_required and not engagement_number:
        found.append(
            Missing(
                field="engagement_number",
                sentence=f"« {body.name} » demande un numéro d'engagement : sa comptabilité le donne quand elle engage "
                "la dépense.",
            )
        )
    return found


def _services_of(body: PublicBody) -> str:
    if not 0 < len(body.services) <= _MOST_SERVICES_TOLD:
        return " Sa comptabilité le connaît."
    told = [f"{one['code']} ({one['name']})" if one.get("name") else one["code"] for one in body.services]
    return f" Ses services sont : {', '.join(told)}."


def note(*, payer: str, siret: str, complete: bool, school: School | None, body: PublicBody | None) -> str:
    """Return what we cannot judge: whether a body that we do not know asks for more than its SIRET.

    `complete`: it was given all that any body asks for, and there is nothing left to say.
    """
    if complete or body is not None or not siret or not is_public(payer=payer, school=school, body=None):
        return ""
    return (
        "Nous ne savons pas si cet organisme demande un code service ou un numéro d'engagement : "
        "indiquez ceux que sa comptabilité vous a donnés, vous pourrez les compléter jusqu'à la facture."
    )


def of(*, payer: str, siret: str, service_code: str, engagement_number: str, school: School | None) -> Preflight:
    """Look up the body and the école that the SIRET is of, and judge. `school`: the order's, where it has one."""
    siret = digits(siret)
    body = PublicBody.objects.filter(pk=siret).first() if siret else None
    # A collectivity may have copied the SIRET of one of its schools, as a principal his own.
    owner = School.objects.filter(siret=siret, type="Ecole", sector="Public").first() if siret else None
    return Preflight(
        missing=missing(
            payer=payer,
            siret=siret,
            service_code=service_code.strip(),
            engagement_number=engagement_number.strip(),
            school=school,
            owner=owner,
            body=body,
        ),
        body=body,
        note=note(
            payer=payer,
            siret=siret,
            complete=bool(service_code.strip() and engagement_number.strip()),
            school=school,
            body=body,
        ),
    )


def of_order(order: Order) -> Preflight:
    """Return what the invoice of this order lacks, with what it says now."""
    return of(
        payer=order.payer or (Payer.COLLECTIVITY if order.collectivity_id else Payer.OTHER),
        siret=order.siret,
        service_code=order.service_code,
        engagement_number=order.engagement_number,
        school=order.school,
    )


def proposed_siret(school: School | None, *, payer: str = Payer.TOWN_HALL) -> str:
    """Return the SIRET to propose for who pays for a school; empty where we know none.

    A public école proposes its commune's (the directory's SIRET for it begins with the commune's SIREN), never its own.
    """
    if school is None or fault_of(school.siret):
        return ""
    if not is_public_primary(school):
        return school.siret if payer == Payer.SCHOOL else ""
    if payer != Payer.TOWN_HALL or not school.siret.startswith(_LOCAL_AUTHORITY):
        return ""
    return siret_of(school.siret[:_SIREN_LENGTH])


def siret_of(siren: str) -> str:
    """Return the SIRET to propose for a public body: its head office's, as Chorus Pro's directory has it."""
    first = head_office(siren)
    known = list(PublicBody.objects.filter(pk__startswith=siren).order_by("pk").values_list("pk", flat=True)[:50])
    # A head office that has moved has another number.
    return first if first in known or not known else known[0]
