"""Exceptions of invoicing."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class NoSeller(LicensingError):
    code = "no_seller"


class AlreadyInvoiced(LicensingError):
    code = "already_invoiced"


class AlreadyCredited(LicensingError):
    code = "already_credited"


class BadStatus(LicensingError):
    code = "invalid_status"
