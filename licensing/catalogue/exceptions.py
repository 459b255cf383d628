"""Exceptions of pricing and of price lists."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class NotOnSale(LicensingError):
    code = "not_on_sale"


class BadQuantity(LicensingError):
    code = "invalid_quantity"


class NothingToRenew(LicensingError):
    code = "nothing_to_renew"


class PricesAlreadyExist(LicensingError):
    code = "prices_already_set"
