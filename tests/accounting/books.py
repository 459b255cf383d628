"""The books of tests: a random year, and the export of a period as bytes."""

from __future__ import annotations

import datetime
import io

from django.utils import timezone

from licensing.accounting.exports import export_period
from licensing.accounting.journals import Period
from tests.accounting.fec_checker import read_fec
from tests.factories.accounts import OperatorFactory

#: Long after every sale of the tests: periods are over.
LATER = datetime.timedelta(days=800)


def export(start, end, *, by=None, at=None):
    """Return the bytes of a period's file, downloaded long afterwards."""
    file = io.BytesIO()
    export_period(file, Period(start, end), by=by or OperatorFactory(), at=at or timezone.now() + LATER)
    return file.getvalue()


def export_lines(start, end):
    """Return the lines of a period's file, by name."""
    return read_fec(export(start, end))
