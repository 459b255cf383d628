"""VAT of a sale, by the place and the status of its payer, with countries and postal codes. Pure.

Sources and open questions: docs/decisions/0112.

The licences are services supplied by electronic means (CGI, article 259 B, 12°): they are taxed where the payer is.
"""

import functools
import re
import unicodedata
from decimal import Decimal
from typing import NamedTuple

from babel import Locale
from django.db.models import TextChoices

from licensing.orders.exceptions import NotInvoiceable

_ISO_LENGTH = 2
#: What people write beside the names of the Unicode CLDR.
_ALIASES = {
    "": "FR",
    "france metropolitaine": "FR",
    "republique francaise": "FR",
    "guyane": "GF",
    "reunion": "RE",
    "saint martin": "MF",
    "angleterre": "GB",
    "grande bretagne": "GB",
    "hollande": "NL",
    "republique tcheque": "CZ",
    "etats unis d amerique": "US",
    "usa": "US",
}
#: Member states of the European Union, without France.
OTHER_EU_STATES = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905 - readable
)
#: France, its overseas territories, and Monaco: five-digit postal codes, allotted by La Poste.
FRENCH_POSTAL_AREA = frozenset("FR GP MQ GF RE PM YT BL MF WF PF NC TF MC".split())  # noqa: SIM905 - readable


def get_country_code(country: str) -> str:
    """Return the code of a country named in French, or by its code. Raises `NotInvoiceable` for an unknown name."""
    name = _normalise(country)
    code = _ALIASES.get(name) or _codes_by_name().get(name)
    if code is None:
        raise NotInvoiceable(
            f"« {country} » n'est pas un pays que nous connaissons : écrivez son nom en français, comme « France » ou "
            "« La Réunion »."
        )
    return code


def get_country_name(code: str) -> str:
    """Return the French name of a country."""
    return str(Locale("fr").territories[code])


@functools.cache
def _codes_by_name() -> dict[str, str]:
    """Return the codes by normalised name and by normalised code."""
    territories = {
        code: name for code, name in Locale("fr").territories.items() if len(code) == _ISO_LENGTH and code.isalpha()
    }
    return {_normalise(name): code for code, name in territories.items()} | {code.lower(): code for code in territories}


def _normalise(country: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", country.replace("œ", "oe")).encode("ascii", "ignore").decode().lower()
    return " ".join(re.findall(r"[a-z]+", ascii_name.replace("'", " ")))


# Whether a postal code agrees with the country it is written with. Pure.
#
# VAT follows the payer's place: « 97110 » with Belgium would be taxed as neither. Formats are those of the Universal
# Postal Union; a country that is not listed takes any code.

_FRENCH = re.compile(r"[0-9]{5}")
#: Postal codes of the territories that have a country code of their own, as La Poste allots them.
_TERRITORIES = {
    "GP": "971[0-9]{2}",
    "MQ": "972[0-9]{2}",
    "GF": "973[0-9]{2}",
    "RE": "974[0-9]{2}",
    "PM": "975[0-9]{2}",
    "YT": "976[0-9]{2}",
    "BL": "97133|97700|9709[0-9]",
    "MF": "97150|97800|970[56][0-9]",
    "WF": "986[0-9]{2}",
    "PF": "987[0-9]{2}",
    "NC": "988[0-9]{2}",
    "TF": "984[0-9]{2}",
    "MC": "980[0-9]{2}",
}
#: Pattern → countries.
_ABROAD_BY_PATTERN = {
    "[1-9][0-9]{3}": "AT BE BG CH HU",
    "[0-9]{4}": "CY DK LU LV SI",
    "[1-7][0-9]{4}": "CZ",
    "[0-9]{5}": "DE EE FI IT LT PL",
    "(0[1-9]|[1-4][0-9]|5[0-2])[0-9]{3}": "ES",
    "[A-Z]{1,2}[0-9][0-9A-Z]?[0-9][A-Z]{2}": "GB",
    "[1-8][0-9]{4}": "GR",
    "[1-5][0-9]{4}": "HR",
    "[A-Z][0-9W][0-9W][0-9A-Z]{4}": "IE",
    "[A-Z]{3}[0-9]{4}": "MT",
    "[1-9][0-9]{3}[A-Z]{2}": "NL",
    "[0-9]{4}([0-9]{3})?": "PT",
    "[0-9]{6}": "RO",
    "[1-9][0-9]{4}": "SE",
    "[089][0-9]{4}": "SK",
}
_ABROAD = {code: pattern for pattern, codes in _ABROAD_BY_PATTERN.items() for code in codes.split()}


def normalise(postal_code: str) -> str:
    """Return the letters and digits only, without the country that some put first: « L-1234 », « B 1000 »."""
    return re.sub(r"^[A-Z]{1,2}(?=-?[0-9]{4,5}$)|[^0-9A-Z]", "", postal_code.upper().strip().replace(" ", ""))


def find_disagreement(country_code: str, postal_code: str) -> str:
    """Return why the postal code is none of the country's, as a French sentence; empty if it may be one."""
    code = normalise(postal_code)
    if country_code in FRENCH_POSTAL_AREA:
        if not _FRENCH.fullmatch(postal_code.replace(" ", "")):
            return "Un code postal français compte cinq chiffres."
        agrees = country_code == "FR" or re.fullmatch(_TERRITORIES[country_code], code)
    else:
        agrees = country_code not in _ABROAD or re.fullmatch(_ABROAD[country_code], code)
    if agrees:
        return ""
    return (
        f"« {postal_code} » n'est pas un code postal de ce pays ({get_country_name(country_code)}) : corrigez l'un ou "
        "l'autre. La TVA en dépend."
    )


def find_territory(country_code: str, postal_code: str) -> str:
    """Return the code of the territory where an address is: that of a French postal code, else the country's."""
    code = normalise(postal_code)
    if country_code not in FRENCH_POSTAL_AREA or not _FRENCH.fullmatch(code):
        return country_code
    found = [territory for territory, pattern in _TERRITORIES.items() if re.fullmatch(pattern, code)]
    if country_code in found:
        return country_code
    # Saint-Barthélemy and Saint-Martin kept codes of Guadeloupe: the narrower territory is the address's.
    narrower = [territory for territory in found if territory in {"BL", "MF"}]
    return (narrower or found or [country_code])[0]


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
