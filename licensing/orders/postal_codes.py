"""Whether a postal code agrees with the country it is written with. Pure.

VAT follows the payer's place: « 97110 » with Belgium would be taxed as neither. Formats are those of the Universal
Postal Union; a country that is not listed takes any code.
"""

from __future__ import annotations

import re

from licensing.orders.countries import FRENCH_POSTAL_AREA, get_country_name

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
_ABROAD = {
    "AT": "[1-9][0-9]{3}",
    "BE": "[1-9][0-9]{3}",
    "BG": "[1-9][0-9]{3}",
    "CH": "[1-9][0-9]{3}",
    "CY": "[0-9]{4}",
    "CZ": "[1-7][0-9]{4}",
    "DE": "[0-9]{5}",
    "DK": "[0-9]{4}",
    "EE": "[0-9]{5}",
    "ES": "(0[1-9]|[1-4][0-9]|5[0-2])[0-9]{3}",
    "FI": "[0-9]{5}",
    "GB": "[A-Z]{1,2}[0-9][0-9A-Z]?[0-9][A-Z]{2}",
    "GR": "[1-8][0-9]{4}",
    "HR": "[1-5][0-9]{4}",
    "HU": "[1-9][0-9]{3}",
    "IE": "[A-Z][0-9W][0-9W][0-9A-Z]{4}",
    "IT": "[0-9]{5}",
    "LT": "[0-9]{5}",
    "LU": "[0-9]{4}",
    "LV": "[0-9]{4}",
    "MT": "[A-Z]{3}[0-9]{4}",
    "NL": "[1-9][0-9]{3}[A-Z]{2}",
    "PL": "[0-9]{5}",
    "PT": "[0-9]{4}([0-9]{3})?",
    "RO": "[0-9]{6}",
    "SE": "[1-9][0-9]{4}",
    "SI": "[0-9]{4}",
    "SK": "[089][0-9]{4}",
}


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
