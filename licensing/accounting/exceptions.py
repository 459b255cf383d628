"""Exceptions of the accountant's export."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class PeriodNotOver(LicensingError):
    """The period may still get entries: its file would not be the same tomorrow."""

    code = "period_not_over"


class UnbalancedEntry(LicensingError):
    """The debits of an entry differ from its credits: nothing is exported."""

    code = "unbalanced_entry"
