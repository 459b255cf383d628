"""ISO 3166-1 country codes of billing addresses: France and its overseas territories. Pure.

French VAT does not apply elsewhere: such a sale is invoiced manually.
"""

from __future__ import annotations

import re
import unicodedata

from licensing.orders.exceptions import NotInvoiceable

_CODES = {
    "": "FR",
    "france": "FR",
    "france metropolitaine": "FR",
    "republique francaise": "FR",
    "fr": "FR",
    "guadeloupe": "GP",
    "martinique": "MQ",
    "guyane": "GF",
    "guyane francaise": "GF",
    "reunion": "RE",
    "la reunion": "RE",
    "mayotte": "YT",
    "saint martin": "MF",
    "saint barthelemy": "BL",
    "saint pierre et miquelon": "PM",
    "polynesie francaise": "PF",
    "nouvelle caledonie": "NC",
    "wallis et futuna": "WF",
}


def get_country_code(country: str) -> str:
    """Return the ISO 3166-1 code of a country name entered by a user. Raises `NotInvoiceable` outside France."""
    ascii_name = unicodedata.normalize("NFKD", country).encode("ascii", "ignore").decode().lower()
    code = _CODES.get(" ".join(re.findall(r"[a-z]+", ascii_name)))
    if code is None:
        raise NotInvoiceable(
            f"Nous ne facturons en ligne qu'en France, et l'adresse de facturation est en « {country} » : écrivez-nous."
        )
    return code
