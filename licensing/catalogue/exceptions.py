"""Why nothing can be priced."""

from __future__ import annotations

from licensing.exceptions import Refused


class NotOnSale(Refused):
    code = "not_on_sale"


class BadQuantity(Refused):
    code = "bad_quantity"
