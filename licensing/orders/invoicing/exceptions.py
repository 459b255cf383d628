"""Exceptions of invoicing."""

from __future__ import annotations

from licensing.exceptions import Refused


class NoSeller(Refused):
    code = "no_seller"


class NotInvoiceable(Refused):
    code = "not_invoiceable"


class AlreadyInvoiced(Refused):
    code = "already_invoiced"


class AlreadyCredited(Refused):
    code = "already_credited"


class BadStatus(Refused):
    code = "bad_status"
