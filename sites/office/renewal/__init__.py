"""« Reconduire » at a collectivity's office: next year's licences, from the proposal to the list that is given.

Buyers and managers read prices, and so this. A buyer orders, a manager gives.
"""

from __future__ import annotations

import datetime

from django.http import Http404

from collectivities.access import OfficeAccess
from collectivities.models import Role
from core.calendar import date_in_paris
from licensing.renewals import queries
from licensing.renewals.queries import RenewalList, read_list

MEMBERS = OfficeAccess(Role.BUYER, Role.MANAGER)
BUYERS = OfficeAccess(Role.BUYER)
MANAGERS = OfficeAccess(Role.MANAGER)
#: More than any list's version.
_MAX_DIGITS = 9


def find_shown_year(at: datetime.datetime) -> int | None:
    """Return the school year that the page prepares; None while there is none. One query at most."""
    years = queries.list_years(date_in_paris(at))
    return years[0] if years else None


def find_list(at: datetime.datetime) -> RenewalList | None:
    """Return the list that the page shows, None while there is none."""
    year = find_shown_year(at)
    return None if year is None else read_list(year, at)


def get_list(at: datetime.datetime) -> RenewalList:
    """Return the list that the page shows. Raises `Http404` where its time is over meanwhile."""
    found = find_list(at)
    if found is None:
        raise Http404("No renewal is open.")
    return found


def read_number(text: str) -> int:
    """Return a version or a number that the page itself wrote; −1, which is neither, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else -1
