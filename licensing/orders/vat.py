"""VAT of a sale, by the place and the status of its payer, with countries and postal codes. Pure.

Sources and open questions: docs/decisions/0112.

The licences are services supplied by electronic means (CGI, article 259 B, 12°): they are taxed where the payer is.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from django.db.models import TextChoices

from licensing.orders.countries import OTHER_EU_STATES, get_country_code
from licensing.orders.postal_codes import find_territory

ZERO_RATE = Decimal("0.00")
#: Metropolitan rate → rate of Guadeloupe, Martinique and La Réunion (CGI, article 296); every other is the reduced one.
_OVERSEAS_RATES = {Decimal("20.00"): Decimal("8.50")}
_OVERSEAS_REDUCED_RATE = Decimal("2.10")


class VatCategory(TextChoices):
    """Category of a VAT rate (UNTDID 5305), as EN 16931 writes it: BT-118 and BT-151."""

    STANDARD = "S", "Soumise à la TVA"
    EXEMPT = "E", "Sans TVA"
    EXPORT = "G", "Hors de l'Union européenne"
    REVERSE_CHARGE = "AE", "Autoliquidation"


class VatTreatment(TextChoices):
    """How a sale is taxed."""

    METROPOLITAN = "metropolitan", "France métropolitaine, Corse, Monaco"
    OVERSEAS = "overseas", "Guadeloupe, Martinique, La Réunion"
    NOT_APPLIED = "not_applied", "Guyane, Mayotte"
    OUTSIDE_EU = "outside_eu", "Hors de l'Union européenne, collectivités d'outre-mer comprises"
    EU_CONSUMER = "eu_consumer", "Autre État de l'Union européenne, non assujetti"
    EU_TAXABLE = "eu_taxable", "Autre État de l'Union européenne, assujetti"
    EXEMPT = "exempt", "Exonération sur justificatif"


class Vat(NamedTuple):
    """The VAT of an order line."""

    #: In per cent.
    rate: Decimal
    category: VatCategory
    #: Why none is charged, as documents state it; empty where some is (BT-120).
    reason: str = ""
    #: The reason's code in the VATEX list, if it has one (BT-121).
    reason_code: str = ""


_WITHOUT_VAT = {
    VatTreatment.NOT_APPLIED: Vat(ZERO_RATE, VatCategory.EXEMPT, "TVA non applicable, article 294 du CGI."),
    VatTreatment.OUTSIDE_EU: Vat(
        ZERO_RATE,
        VatCategory.EXPORT,
        "TVA non applicable, preneur établi hors de l'Union européenne, articles 259 et 259 B du CGI.",
        "VATEX-EU-G",
    ),
    VatTreatment.EU_TAXABLE: Vat(
        ZERO_RATE,
        VatCategory.REVERSE_CHARGE,
        "Autoliquidation : TVA due par le preneur, article 259, 1° du CGI, articles 44 et 196 de la directive "
        "2006/112/CE.",
        "VATEX-EU-AE",
    ),
}
_NOT_APPLIED_IN = frozenset({"GF", "YT"})
_OVERSEAS = frozenset({"GP", "MQ", "RE"})
_METROPOLITAN = frozenset({"FR", "MC"})


def find_treatment(*, country: str, postal_code: str, vat_number: str) -> VatTreatment:
    """Return how a sale is taxed, by its payer's address and VAT number. Raises `NotInvoiceable`: unknown country."""
    territory = find_territory(get_country_code(country), postal_code)
    if territory in _METROPOLITAN:
        return VatTreatment.METROPOLITAN
    if territory in _OVERSEAS:
        return VatTreatment.OVERSEAS
    if territory in _NOT_APPLIED_IN:
        return VatTreatment.NOT_APPLIED
    if territory in OTHER_EU_STATES:
        return VatTreatment.EU_TAXABLE if vat_number else VatTreatment.EU_CONSUMER
    return VatTreatment.OUTSIDE_EU


def get_vat(treatment: VatTreatment, *, product_rate: Decimal, exemption: str = "") -> Vat:
    """Return the VAT of a product under a treatment. `exemption`: what documents state under `EXEMPT`."""
    if treatment == VatTreatment.EXEMPT:
        return Vat(ZERO_RATE, VatCategory.EXEMPT, exemption)
    if treatment in _WITHOUT_VAT:
        return _WITHOUT_VAT[treatment]
    if treatment == VatTreatment.OVERSEAS:
        return Vat(_OVERSEAS_RATES.get(product_rate, _OVERSEAS_REDUCED_RATE), VatCategory.STANDARD)
    return Vat(product_rate, VatCategory.STANDARD)
