"""Exceptions of e-reporting."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class ReportRefused(LicensingError):
    """The period cannot be reported now: it is not over, is none of the seller's, or has nothing to declare."""

    code = "period_not_reportable"
