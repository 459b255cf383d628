"""ISO 3166-1 codes of the countries of billing addresses, from their French names (Unicode CLDR, by Babel). Pure."""

from __future__ import annotations

import functools
import re
import unicodedata

from babel import Locale

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
