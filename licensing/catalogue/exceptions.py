"""Exceptions of pricing and of price lists."""

from __future__ import annotations

from licensing.exceptions import Refused


class NotOnSale(Refused):
    code = "not_on_sale"


class BadQuantity(Refused):
    code = "bad_quantity"


class NothingToRenew(Refused):
    code = "nothing_to_renew"


class PricesThere(Refused):
    code = "prices_there"
