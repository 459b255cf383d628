"""Billing details: prefilled from known data, then entered by the buyer; and the VAT of the payer's place.

`licensing.books.billing.operations` completes and corrects them later.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import cast

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from stdnum.eu import vat as eu_vat

from accounts.models import User
from core import formatting
from core.contact_details import check_plain_name
from core.formatting import of_town
from core.formulas import begins_formula
from core.money import add_vat, extract_vat, sum_amounts
from licensing.catalogue.models import Product
from licensing.orders import order_events, payers, siret_numbers, vat
from licensing.orders.exceptions import BadBilling, NoReason, NotInvoiceable
from licensing.orders.models import UNSIGNED_STATES, Order, OrderKind, OrderLine, Payer
from licensing.orders.order_events import lock_order
from licensing.orders.vat import Vat, VatTreatment, find_treatment, get_vat
from schools.wording import format_school_name
from tenants.models import Collectivity

FRANCE = "France"
#: Country → prefix of its VAT numbers, where it is another.
_VAT_PREFIXES = {"GR": "EL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingDetails:
    """Billing details of an order. Codes without spaces; what does not apply is empty."""

    payer: str
    name: str
    address: str
    address_extra: str = ""
    postal_code: str
    city: str
    country: str = FRANCE
    email: str
    siret: str = ""
    siren: str = ""
    service_code: str = ""
    engagement_number: str = ""
    #: Of a taxable payer of another member state of the European Union.
    vat_number: str = ""


#: Fields whose column has the prefix of billing details.
_BILL_FIELDS = ("name", "address", "address_extra", "postal_code", "city", "country", "email")
#: Field of `BillingDetails` → column of `Order`.
_COLUMNS = {
    field.name: f"bill_{field.name}" if field.name in _BILL_FIELDS else field.name for field in fields(BillingDetails)
}
#: Columns of `Order` that hold billing details.
BILLING_COLUMNS = tuple(_COLUMNS.values())
_REQUIRED = {
    "payer": "Dites qui paie : la facture sera établie à son nom.",
    "name": "Indiquez le nom à qui la facture est adressée.",
    "address": "Indiquez l'adresse de facturation.",
    "postal_code": "Indiquez le code postal.",
    "city": "Indiquez la ville.",
    "country": "Indiquez le pays.",
    "email": "Indiquez l'adresse e-mail de qui traite les factures.",
}


def prefill_billing_details(order: Order, *, payer: str | None = None) -> BillingDetails:
    """Return proposed billing details: the order's own, else those of the buyer's last order, else the directory's.

    `payer`: the payer chosen by the buyer; None for the most likely one, if there is one.
    """
    known = order if order.bill_name else _previous_order(order)
    if known is not None and payer in (None, known.payer):
        last = {field: getattr(known, column) for field, column in _COLUMNS.items()}
        if known.pk != order.pk:
            # An engagement number is valid for one order.
            last["engagement_number"] = ""
        return BillingDetails(**last)
    buyer_email = order.placed_by.email if order.placed_by else ""
    if order.collectivity is not None:
        body = order.collectivity
        return BillingDetails(
            payer=Payer.COLLECTIVITY,
            name=body.name,
            address="",
            postal_code="",
            city="",
            email=buyer_email,
            siret=payers.propose_body_siret(body.siren),
        )
    return _prefilled_for_shop(order, buyer_email, payer)


def clear_billing_details(order: Order) -> None:
    """Clear the billing details; the caller saves the order."""
    for column in BILLING_COLUMNS:
        setattr(order, column, "")


def read_billing_details(order: Order) -> dict[str, str]:
    """Return the billing details of the order, by column."""
    return {column: getattr(order, column) for column in BILLING_COLUMNS}


def set_billing_details(order: Order, billing: BillingDetails) -> None:
    """Validate the details and set them on the order; the caller locks and saves it. Raises `BadBilling`."""
    for field, sentence in _REQUIRED.items():
        if not getattr(billing, field).strip():
            raise BadBilling(sentence, field)
    if billing.payer not in Payer.values or (billing.payer == Payer.COLLECTIVITY) != (order.kind == OrderKind.PURCHASE):
        raise BadBilling(_REQUIRED["payer"], "payer")
    if billing.payer == Payer.SCHOOL and payers.is_public_primary(payers.find_paying_school(order)):
        # A teacher's order is for no school: theirs pays all the same.
        raise BadBilling(payers.PUBLIC_PRIMARY_SENTENCE, "payer")
    try:
        validate_email(billing.email.strip())
    except ValidationError:
        raise BadBilling(f"« {billing.email} » n'est pas une adresse e-mail.", "email") from None
    vat_number = _check_place(order, billing)
    _check_name(order, billing)
    order.vat_number = vat_number
    for field, column in _COLUMNS.items():
        if column not in ("siret", "siren", "vat_number"):  # entered with spaces
            _set_column(order, column, " ".join(getattr(billing, field).split()), field)
    _write_codes(order, siret=billing.siret, siren=billing.siren)


def update_billing_details(order: Order, billing: BillingDetails) -> bool:
    """Set the details as `set_billing_details` does; return whether the order changed. Raises `BadBilling`."""
    before = read_billing_details(order)
    set_billing_details(order, billing)
    return before != read_billing_details(order)


def set_invoice_references(
    order: Order, *, siret: str, service_code: str, engagement_number: str, siren: str | None = None
) -> None:
    """Validate the references of a public payer or a business, and set them on the order; the caller saves it.

    `siren`: None to leave it as it is. Raises `BadBilling`.
    """
    for column, text in (("service_code", service_code), ("engagement_number", engagement_number)):
        _set_column(order, column, " ".join(text.split()), column)
    _write_codes(order, siret=siret, siren=order.siren if siren is None else siren)


def _check_place(order: Order, billing: BillingDetails) -> str:
    """Check what VAT depends on; return the VAT number without spaces. Raises `BadBilling`."""
    try:
        country = vat.get_country_code(billing.country)
    except NotInvoiceable as refusal:
        raise BadBilling(refusal.sentence, "country") from None
    disagreement = vat.find_disagreement(country, billing.postal_code)
    if disagreement:
        raise BadBilling(disagreement, "postal_code")
    vat_number = "".join(billing.vat_number.split()).upper()
    if not vat_number:
        return ""
    if (vat_number, billing.country.strip()) == (order.vat_number, order.bill_country):
        # Perhaps another country's, which the operator set with a reason.
        return vat_number
    if country not in vat.OTHER_EU_STATES and country not in vat.FRENCH_POSTAL_AREA:
        raise BadBilling(
            "Un numéro de TVA intracommunautaire ne vaut que dans l'Union européenne : laissez ce champ vide.",
            "vat_number",
        )
    prefix = "FR" if country in vat.FRENCH_POSTAL_AREA else _VAT_PREFIXES.get(country, country)
    if not vat_number.startswith(prefix) or not eu_vat.is_valid(vat_number):
        raise BadBilling(
            f"« {billing.vat_number} » n'est pas un numéro de TVA de ce pays : il commence par {prefix}, et doit être "
            "recopié en entier. Sans numéro, laissez ce champ vide.",
            "vat_number",
        )
    return vat_number


def _check_name(order: Order, billing: BillingDetails) -> None:
    """Raise `BadBilling` where the name is too long for an invoice, holds an address or begins as a formula.

    A name that we proposed ourselves may look like an address.
    """
    error = payers.get_name_error(" ".join(billing.name.split()))
    if error:
        raise BadBilling(error, "name")
    try:
        check_plain_name(billing.name.strip())
    except ValidationError as refusal:
        if billing.name.strip() != prefill_billing_details(order, payer=billing.payer).name:
            raise BadBilling(str(refusal.message), "name") from None


def _set_column(order: Order, column: str, text: str, field: str) -> None:
    limit = cast("models.Field[object, object]", Order._meta.get_field(column)).max_length or 0  # noqa: SLF001
    if len(text) > limit:
        raise BadBilling(f"{limit} caractères au plus ; vous en avez saisi {len(text)}.", field)
    # A name that we proposed ourselves is kept: `_check_name`.
    if column != "bill_name" and begins_formula(text):
        raise BadBilling(
            "Ce champ ne commence pas par « = », « + », « - » ou « @ » : un tableur le prendrait pour un calcul. "
            "Retirez ce premier caractère.",
            field,
        )
    setattr(order, column, text)


def _write_codes(order: Order, *, siret: str, siren: str) -> None:
    order.siret, order.siren = siret_numbers.normalise(siret), siret_numbers.normalise(siren)
    wrong = payers.check_order(order).wrong
    if wrong:
        raise BadBilling(wrong[0].sentence, wrong[0].field)


def _previous_order(order: Order) -> Order | None:
    """Return the last order of the same collectivity, or of the same buyer for the same school."""
    same = Order.objects.filter(kind=order.kind, placed_at__isnull=False).exclude(bill_name="")
    same = (
        same.filter(collectivity=order.collectivity)
        if order.collectivity is not None
        else same.filter(placed_by=order.placed_by, school=order.school)
    )
    return same.order_by("pk").last()


def _prefilled_for_shop(order: Order, email: str, payer: str | None) -> BillingDetails:
    payer = payer or payers.find_likely_payer(order) or ""
    private_school = payer == Payer.COMPANY and payers.is_typed_by_hand(order)
    place = _school_address(order)
    town, school = place["city"], place["name"]
    names = {
        "": school,
        Payer.TOWN_HALL: f"Commune {of_town(town)}" if town else "",
        Payer.SCHOOL: school,
        # The choice of a private school that is not in the directory.
        Payer.COMPANY: school if private_school else "",
        Payer.COOPERATIVE: f"Coopérative scolaire, {school}" if school else "",
    }
    if payer in (Payer.OTHER, Payer.COMPANY) and not private_school:
        # A private payer does not live at the school.
        place = dict.fromkeys(place, "") | {"country": place["country"]}
    if payer == Payer.TOWN_HALL:
        # The directory has no street for the town hall; « Mairie » is deliverable.
        place |= {"address": "Mairie", "address_extra": ""}
    buyer = order.placed_by.get_full_name() if order.placed_by is not None else ""
    return BillingDetails(
        **place | {"name": names.get(payer, buyer)},
        payer=payer,
        email=email,
        siret=payers.propose_payer_siret(order.school, payer=payer),
    )


def _school_address(order: Order) -> dict[str, str]:
    """Return the name and address of the buyer's school, from the directory or as entered by the buyer."""
    affiliation = payers.find_affiliation(order)
    school = payers.find_paying_school(order)
    if school is not None:
        return {
            "name": format_school_name(school.name),
            "address": school.address,
            "address_extra": school.address_extra,
            "postal_code": school.postal_code,
            "city": school.commune,
            "country": FRANCE,
        }
    typed = {
        field: str(getattr(affiliation, field, ""))
        for field in ("name", "address", "address_extra", "postal_code", "city", "country")
    }
    return typed | {"country": typed["country"] or FRANCE}


_LINE_FIELDS = (
    "unit_ht", "vat_rate", "vat_category", "vat_reason", "vat_reason_code", "total_ht", "total_vat", "total_ttc",
)  # fmt: skip


def find_expected_treatment(order: Order) -> VatTreatment:
    """Return the treatment by the payer's place: as entered, else as it would be proposed."""
    place = prefill_billing_details(order)
    try:
        return find_treatment(country=place.country, postal_code=place.postal_code, vat_number=place.vat_number)
    except NotInvoiceable:
        # A school's country as somebody typed it; the checkout asks for one that is known.
        return VatTreatment.METROPOLITAN


def find_collectivity_vat(collectivity: Collectivity, product: Product) -> Vat:
    """Return the VAT of a price that a collectivity looks at, before it drafts an order."""
    treatment = find_expected_treatment(Order(kind=OrderKind.PURCHASE, collectivity=collectivity))
    return get_vat(treatment, product_rate=product.vat_rate)


def set_treatment(order: Order, lines: Sequence[OrderLine], treatment: VatTreatment, *, exemption: str = "") -> None:
    """Set the treatment, and with it rates and amounts, on the order and its lines, without saving them.

    A school pays the same whatever the rate, a collectivity the same HT. `exemption`: what documents state under
    `VatTreatment.EXEMPT`.
    """
    order.vat_treatment = treatment
    all_amounts = []
    for line in lines:
        vat = get_vat(treatment, product_rate=line.product.vat_rate, exemption=exemption)
        line.vat_rate, line.vat_category = vat.rate, vat.category
        line.vat_reason, line.vat_reason_code = vat.reason, vat.reason_code
        if order.kind == OrderKind.SHOP:
            amounts = extract_vat(line.total_ttc, vat.rate)
            # A tier is billed as one unit.
            line.unit_ht = amounts.ht
        else:
            amounts = add_vat(line.total_ht, vat.rate)
        line.total_ht, line.total_vat, line.total_ttc = amounts
        all_amounts.append(amounts)
    order.total_ht, order.total_vat, order.total_ttc = sum_amounts(all_amounts)


def apply_treatment(order: Order, treatment: VatTreatment, *, exemption: str = "") -> None:
    """Set the treatment and save the lines; the caller saves the order."""
    lines = list(order.lines.select_related("product").order_by("pk"))
    set_treatment(order, lines, treatment, exemption=exemption)
    for line in lines:
        line.save(update_fields=_LINE_FIELDS)


def apply_vat_of_payer(order: Order) -> None:
    """Tax an order by the place of its payer, which must be valid; the caller saves it.

    Where the treatment stays the same nothing changes: a quote holds its rate.
    """
    treatment = find_treatment(
        country=order.bill_country, postal_code=order.bill_postal_code, vat_number=order.vat_number
    )
    if treatment != order.vat_treatment:
        apply_treatment(order, treatment)


def preview_vat(order: Order, line: OrderLine, *, country: str, postal_code: str, vat_number: str) -> None:
    """Tax a draft, in memory only, by the address that its page shows; an unknown country changes nothing."""
    try:
        treatment = find_treatment(country=country, postal_code=postal_code, vat_number=vat_number)
    except NotInvoiceable:
        return
    set_treatment(order, [line], treatment)


@transaction.atomic
def correct_vat(
    *,
    order_id: int,
    treatment: str,
    exemption: str = "",
    vat_number: str = "",
    reason: str,
    by: User,
    at: datetime.datetime,
) -> Order:
    """Tax an order otherwise than by its payer's place, or so again; return it.

    `exemption`: what documents state under `VatTreatment.EXEMPT`; `vat_number`: the payer's, for a reverse charge. The
    buyer is told. Idempotent. Raises `Refusal`, `NoReason` or `BadBilling`.
    """
    order = lock_order(order_id)
    if order.state not in UNSIGNED_STATES:
        raise order.refuse_state("La TVA se corrige entre la commande et sa facture ; après, seul un avoir la corrige.")
    if apply_correction(
        order, treatment=treatment, exemption=exemption, vat_number=vat_number, reason=reason, by=by, at=at
    ):
        order_events.notify_buyer(order, order_events.VAT_CORRECTED, at=at)
    return order


def apply_correction(
    order: Order,
    *,
    treatment: str,
    exemption: str,
    vat_number: str,
    reason: str,
    by: User,
    at: datetime.datetime,
) -> bool:
    """Tax a locked order as the operator chose, and record it; return whether anything changed.

    Raises `NoReason` or `BadBilling`.
    """
    if not reason.strip():
        raise NoReason("Dites pourquoi la TVA est corrigée : la commande le garde.")
    chosen = _check_treatment(treatment)
    exemption, vat_number = _check_proof(chosen, exemption, vat_number)
    line = order.lines.order_by("pk")[0]
    if (order.vat_treatment, order.vat_number) == (chosen, vat_number) and exemption in ("", line.vat_reason):
        return False
    before = _describe_vat(order, line)
    order.vat_number = vat_number
    apply_treatment(order, chosen, exemption=exemption)
    # By the place again: nothing is corrected any more.
    order.vat_correction = "" if chosen == find_expected_treatment(order) else reason.strip()
    order.save()
    line.refresh_from_db()
    summary = f"TVA corrigée : {_describe_vat(order, line)}, au lieu de {before} ({reason.strip()})."
    order_events.record(order, "vat_corrected", summary, by=by, at=at)
    return True


def _check_treatment(treatment: str) -> VatTreatment:
    if treatment not in VatTreatment.values:
        raise BadBilling("Choisissez un régime de TVA.", "treatment")
    return VatTreatment(treatment)


def _check_proof(treatment: VatTreatment, exemption: str, vat_number: str) -> tuple[str, str]:
    """Return the mention and the VAT number that the treatment needs, cleaned. Raises `BadBilling`."""
    exemption, vat_number = " ".join(exemption.split()), "".join(vat_number.split()).upper()
    if treatment == VatTreatment.EXEMPT and not exemption:
        raise BadBilling("Écrivez la mention, avec l'article qui exonère : la facture la porte.", "exemption")
    if vat_number and not eu_vat.is_valid(vat_number):
        raise BadBilling(f"« {vat_number} » n'est pas un numéro de TVA intracommunautaire.", "vat_number")
    if treatment == VatTreatment.EU_TAXABLE and not vat_number:
        raise BadBilling("L'autoliquidation demande le numéro de TVA du payeur : la facture le porte.", "vat_number")
    return (exemption if treatment == VatTreatment.EXEMPT else ""), vat_number


def _describe_vat(order: Order, line: OrderLine) -> str:
    return f"{formatting.percent(line.vat_rate)}, {formatting.euros(order.total_ttc)} TTC"
