"""The country of a billing address, as a machine must read it: France and its territories overseas. Pure.

Elsewhere French VAT does not apply as it does here: such a sale is made out by hand.
"""

from __future__ import annotations

import re
import unicodedata

from licensing.orders.invoicing.exceptions import NotInvoiceable

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


def code_of(country: str) -> str:
    """Return the code of ISO 3166-1 of a country as somebody typed it. Raises `NotInvoiceable` outside France."""
    plain = unicodedata.normalize("NFKD", country).encode("ascii", "ignore").decode().lower()
    found = _CODES.get(" ".join(re.findall(r"[a-z]+", plain)))
    if found is None:
        raise NotInvoiceable(
            f"Nous ne facturons en ligne qu'en France, et l'adresse de facturation est en « {country} » : écrivez-nous."
        )
    return found
