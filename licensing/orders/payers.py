"""Payers: who can pay an order, which kind of buyer they are, and what their invoice needs before it is issued."""

from dataclasses import dataclass

from django.db import models
from django.db.models import F

from accounts.models import Profile
from licensing.orders import siret_numbers
from licensing.orders.models import Order, OrderKind, Payer, PublicBody
from schools.models import Affiliation, School

# Kind of buyer that an order is invoiced to. It decides what the invoice says and by which way it reaches its payer.
#
# Read once, when the invoice is issued, and frozen there: what changes later in Chorus Pro's directory changes nothing.


class BuyerKind(models.TextChoices):
    """A public body; a taxable person, known by its SIREN; or somebody else, to whom no platform leads."""

    PUBLIC = "public", "Organisme public"
    TAXABLE = "taxable", "Assujetti, connu par son SIREN"
    CONSUMER = "consumer", "Particulier ou non assujetti"


def is_business(*, payer: str, school: School | None) -> bool:
    """Return whether the payer is a business: a company, or the body that runs a private school."""
    return payer == Payer.COMPANY or (payer == Payer.SCHOOL and school is not None and school.sector == "Privé")


def get_payer(order: Order) -> str:
    """Return who pays an order; where the buyer did not say, the collectivity, or another payer."""
    return order.payer or (Payer.COLLECTIVITY if order.collectivity_id else Payer.OTHER)


def get_buyer_kind(order: Order) -> BuyerKind:
    """Return the kind of an order's buyer as it is now, by its billing details and Chorus Pro's directory."""
    siret, siren = siret_numbers.normalise(order.siret), siret_numbers.normalise(order.siren)
    body = _find_body(siret)
    return Preflight(payer=get_payer(order), siret=siret, siren=siren, school=order.school, body=body).kind


def _find_body(siret: str) -> PublicBody | None:
    return PublicBody.objects.filter(pk=siret).first() if siret else None


# Preflight check of billing details by Chorus Pro's rules: what the invoice still needs, before it is issued.
#
# A `Preflight` reads no database. `check_billing` looks up what it needs: the public body, in Chorus Pro's directory as
# loaded by the operator, and the school with that SIRET.

#: Every commune's, intercommunality's, département's and région's SIREN begins with it.
_LOCAL_AUTHORITY = "2"
#: Longest name of a buyer or a seller that Chorus Pro accepts (BT-27, BT-44), in characters.
MAX_NAME_LENGTH = 99
#: Why a public école is never invoiced, and who pays instead.
PUBLIC_PRIMARY_SENTENCE = (
    "Une école publique n'a pas de personnalité juridique : aucune facture ne peut lui être adressée. Choisissez « La "
    "mairie », ou « La coopérative scolaire » si c'est elle qui paie."
)
#: A longer list of services is not shown.
_MAX_SERVICES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class MissingDetail:
    """A billing detail that is missing or wrong."""

    #: Field of the order: `payer`, `siret`, `siren`, `service_code` or `engagement_number`.
    field: str
    sentence: str
    #: Wrong rather than missing: it blocks the order. A missing detail can be completed until the invoice.
    wrong: bool = False


def is_public_primary(school: School | None) -> bool:
    """Return whether the school is a public école, which has no legal personality: its commune pays."""
    return school is not None and school.type == "Ecole" and school.sector == "Public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Billing details, their numbers without spaces, and what is missing or wrong in them for an invoice."""

    payer: str
    siret: str
    siren: str = ""
    service_code: str = ""
    engagement_number: str = ""
    #: The school that the licences are for.
    school: School | None = None
    #: The public école, and the body of Chorus Pro's directory, with this SIRET, if any.
    owner: School | None = None
    body: PublicBody | None = None

    @property
    def kind(self) -> BuyerKind:
        """The kind of the buyer."""
        is_public_school = self.payer == Payer.SCHOOL and self.school is not None and self.school.sector == "Public"
        if self.body is not None or is_public_school or self.payer in (Payer.COLLECTIVITY, Payer.TOWN_HALL):
            return BuyerKind.PUBLIC
        if self.siret or self.siren or is_business(payer=self.payer, school=self.school):
            return BuyerKind.TAXABLE
        return BuyerKind.CONSUMER

    @property
    def missing(self) -> list[MissingDetail]:
        """The missing or wrong details, in the order of the form; empty if the invoice can be issued."""
        if self.payer == Payer.SCHOOL and is_public_primary(self.school):
            return [MissingDetail("payer", PUBLIC_PRIMARY_SENTENCE, wrong=True)]
        if error := _siren_error(self.siren, self.siret):
            return [MissingDetail("siren", error, wrong=True)]
        if not self.siret:
            if self.kind == BuyerKind.PUBLIC:
                return [_missing_siret(self.payer)]
            return [_MISSING_SIREN] if is_business(payer=self.payer, school=self.school) and not self.siren else []
        error = siret_numbers.get_error(self.siret) or _school_siret_error(self.siret, self.owner or self.school)
        if error:
            return [MissingDetail("siret", error, wrong=True)]
        return _missing_references(self.body, self.service_code, self.engagement_number) if self.body else []

    @property
    def wrong(self) -> list[MissingDetail]:
        """The details to correct before the order can be placed."""
        return [detail for detail in self.missing if detail.wrong]

    @property
    def note(self) -> str:
        """A sentence that an unknown public body may require more than its SIRET; empty if not applicable."""
        is_complete = self.service_code and self.engagement_number
        if is_complete or self.body is not None or not self.siret or self.kind != BuyerKind.PUBLIC:
            return ""
        return (
            "La comptabilité de cet organisme demande peut-être un code service ou un numéro d'engagement : "
            "indiquez ceux qu'elle vous a donnés, vous pourrez les compléter jusqu'à la facture."
        )


def get_name_error(name: str) -> str:
    """Return why a name cannot stand on an invoice, in a sentence; empty if it can."""
    if len(name) <= MAX_NAME_LENGTH:
        return ""
    return (
        f"Ce nom compte {len(name)} caractères, et Chorus Pro n'en accepte que {MAX_NAME_LENGTH} sur une facture : "
        "abrégez-le."
    )


def _missing_siret(payer: str) -> MissingDetail:
    owners = {Payer.COLLECTIVITY: "de votre collectivité", Payer.TOWN_HALL: "de la commune"}
    return MissingDetail(
        "siret",
        f"Indiquez le SIRET {owners.get(Payer(payer), 'de votre établissement')} ({siret_numbers.LENGTH} chiffres) : "
        "sans lui, sa facture ne peut pas être déposée sur Chorus Pro.",
    )


_MISSING_SIREN = MissingDetail(
    "siren",
    f"Indiquez le SIREN de qui paie ({siret_numbers.SIREN_LENGTH} chiffres), ou son SIRET : la facture d'une "
    "entreprise doit le porter.",
)


def _siren_error(siren: str, siret: str) -> str:
    if not siren:
        return ""
    error = siret_numbers.get_siren_error(siren)
    if error or not siret or siret.startswith(siren):
        return error
    return "Ce SIREN n'est pas celui du SIRET que vous avez indiqué : le SIRET commence par le SIREN."


def _school_siret_error(siret: str, school: School | None) -> str:
    # For a few communes the directory gives the head office's SIRET as that of the school: it is valid.
    if (
        school is None
        or not is_public_primary(school)
        or siret != school.siret
        or siret == siret_numbers.get_head_office(siret)
    ):
        return ""
    commune = siret_numbers.format_with_spaces(siret_numbers.get_head_office(siret))
    return (
        "Ce SIRET est celui de l'école, qui n'a pas de personnalité juridique : la facture s'adresse à sa commune. "
        f"Le SIRET de la commune est sans doute le {commune}."
    )


def _missing_references(body: PublicBody, service_code: str, engagement_number: str) -> list[MissingDetail]:
    """Return the references that this body requires and that are missing or unknown to it."""
    service_needs = []
    if body.service_or_engagement_required and not service_code and not engagement_number:
        service_needs.append(
            f"« {body.name} » demande un code service ou un numéro d'engagement : l'un des deux suffit."
        )
    elif body.service_required and not service_code:
        service_needs.append(f"« {body.name} » demande un code service.")
    if service_code and body.services and service_code not in {service["code"] for service in body.services}:
        service_needs.append(
            f"Le code service « {service_code} » n'est pas de ceux que « {body.name} » a déclarés sur Chorus Pro."
        )
    details = [MissingDetail("service_code", need + _services_sentence(body)) for need in service_needs]
    if body.engagement_required and not engagement_number:
        sentence = (
            f"« {body.name} » demande un numéro d'engagement : sa comptabilité le donne quand elle engage la dépense."
        )
        details.append(MissingDetail("engagement_number", sentence))
    return details


def _services_sentence(body: PublicBody) -> str:
    if not 0 < len(body.services) <= _MAX_SERVICES_SHOWN:
        return " Sa comptabilité le connaît."
    labels = [f"{one['code']} ({one['name']})" if one.get("name") else one["code"] for one in body.services]
    return f" Ses services sont : {', '.join(labels)}."


def check_billing(
    *, payer: str, siret: str, service_code: str, engagement_number: str, school: School | None, siren: str = ""
) -> Preflight:
    """Check billing details, looking up the body and the école with this SIRET. `school`: the order's, if any."""
    siret = siret_numbers.normalise(siret)
    return Preflight(
        payer=payer,
        siret=siret,
        siren=siret_numbers.normalise(siren),
        service_code=service_code.strip(),
        engagement_number=engagement_number.strip(),
        school=school,
        # A collectivity may enter the SIRET of one of its schools by mistake, and a principal that of their school.
        owner=School.objects.filter(siret=siret, type="Ecole", sector="Public").first() if siret else None,
        body=_find_body(siret),
    )


def check_order(order: Order) -> Preflight:
    """Check the current billing details of an order."""
    return check_billing(
        payer=get_payer(order),
        siret=order.siret,
        siren=order.siren,
        service_code=order.service_code,
        engagement_number=order.engagement_number,
        school=order.school,
    )


def propose_payer_siret(school: School | None, *, payer: str = Payer.TOWN_HALL) -> str:
    """Return the SIRET to propose for the payer of a school's order; empty if unknown.

    For a public école: its commune's (the directory's SIRET for it begins with the commune's SIREN), never its own.
    """
    if school is None or siret_numbers.get_error(school.siret):
        return ""
    if not is_public_primary(school):
        return school.siret if payer == Payer.SCHOOL else ""
    if payer != Payer.TOWN_HALL or not school.siret.startswith(_LOCAL_AUTHORITY):
        return ""
    return propose_body_siret(school.siret[: siret_numbers.SIREN_LENGTH])


def propose_body_siret(siren: str) -> str:
    """Return the SIRET to propose for a public body: its head office's, checked against Chorus Pro's directory."""
    head_office_number = siret_numbers.get_head_office(siren)
    known = list(PublicBody.objects.filter(pk__startswith=siren).order_by("pk").values_list("pk", flat=True)[:50])
    # A head office that has moved has another establishment number.
    return head_office_number if head_office_number in known or not known else known[0]


#: What Chorus Pro asks of the invoice of a public body.
PUBLIC_REFERENCES = ("siret", "service_code", "engagement_number")
#: What the invoice of a business carries: a SIRET begins with it.
BUSINESS_REFERENCES = ("siren",)
_PAYERS = (Payer.TOWN_HALL, Payer.SCHOOL, Payer.COOPERATIVE, Payer.COMPANY, Payer.OTHER)


def list_offered_payers(order: Order) -> list[Payer]:
    """Return the payers that the shop offers, in the order of the page; a collectivity buys from its office."""
    return [payer for payer in _PAYERS if payer != Payer.SCHOOL or not explain_school_absence(order)]


def explain_school_absence(order: Order) -> str:
    """Return why no invoice can be addressed to the order's school, and who pays instead; empty if one can."""
    school = find_paying_school(order)
    if school is None and find_affiliation(order) is None:
        return (
            "Votre établissement n'est pas encore choisi. S'il doit payer, choisissez-le d'abord dans « Mon compte », "
            "puis revenez ici."
        )
    return PUBLIC_PRIMARY_SENTENCE if is_public_primary(school) else ""


def list_references(*, payer: str, school: School | None) -> tuple[str, ...]:
    """Return the references that a payer's invoice carries, as fields of the order.

    A school whose sector is unknown, as one that is typed by hand, may be public.
    """
    if payer == Payer.COMPANY or is_business(payer=payer, school=school):
        return BUSINESS_REFERENCES
    return PUBLIC_REFERENCES if payer in (Payer.COLLECTIVITY, Payer.TOWN_HALL, Payer.SCHOOL) else ()


def list_order_references(order: Order) -> tuple[str, ...]:
    """Return the references that the invoice of a placed order carries, by what its numbers say of its payer."""
    kind = get_buyer_kind(order)
    if kind == BuyerKind.CONSUMER:
        return list_references(payer=get_payer(order), school=find_paying_school(order))
    return PUBLIC_REFERENCES if kind == BuyerKind.PUBLIC else BUSINESS_REFERENCES


def find_paying_school(order: Order) -> School | None:
    """Return the school of the directory that the payer « L'établissement » is: the order's, else the buyer's."""
    affiliation = None if order.school is not None else find_affiliation(order)
    return order.school or (affiliation.school if affiliation is not None else None)


def describe_typed_school(order: Order) -> str:
    """Return the name and place of the school that a principal typed by hand and ordered for; empty for any other."""
    buyer = order.placed_by
    if order.kind != OrderKind.SHOP or order.school_id or buyer is None or buyer.profile != Profile.PRINCIPAL:
        return ""
    # `all()`: prefetched by lists of orders.
    typed = [one for one in buyer.affiliations.all() if one.school_id is None]
    first = min(typed, key=lambda one: (one.since, one.pk), default=None)
    return "" if first is None else f"{first.name}, {first.postal_code} {first.city}"


def is_typed_by_hand(order: Order) -> bool:
    """Return whether the buyer typed the order's school, which is not in the directory: its sector is unknown."""
    return find_paying_school(order) is None and find_affiliation(order) is not None


def find_affiliation(order: Order) -> Affiliation | None:
    """Return the affiliation of the buyer that the order is for: one typed by hand if the order has no school."""
    if order.placed_by is None:
        return None
    found = order.placed_by.affiliations.select_related("school")
    return found.order_by(F("school").asc(nulls_first=True), "since", "pk").first()


def find_likely_payer(order: Order) -> Payer | None:
    """Return the most likely payer: the commune for a public école, else the school, else the teacher.

    None for a school typed by hand, which may be public or private.
    """
    if order.placed_by is not None and order.placed_by.profile == Profile.TEACHER:
        return Payer.OTHER
    if is_typed_by_hand(order):
        return None
    return Payer.SCHOOL if Payer.SCHOOL in list_offered_payers(order) else Payer.TOWN_HALL


def is_paid_by_buyer(order: Order) -> bool:
    """Return whether the buyer pays personally: no one else signs the purchase order."""
    buyer = order.placed_by
    return order.payer == Payer.OTHER and buyer is not None and buyer.get_full_name() == order.bill_name
