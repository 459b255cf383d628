"""What each operation begins and ends with: the renewal's row, locked, in the version that was shown; its journal."""

from __future__ import annotations

import datetime

from accounts.models import User
from collectivities import audit_log
from core import formatting
from core.calendar import PARIS, date_in_paris
from licensing.renewals import queries
from licensing.renewals.exceptions import RenewalChanged, RenewalNotOpen, WrongRenewalState
from licensing.renewals.models import Renewal, RenewalState
from licensing.renewals.renewal_list import RenewalList, read_list
from licensing.requests.school_years import format_school_year

#: `AuditEntry.object_type` of a renewal.
OBJECT_TYPE = "renewal"
_STATE_WORDS = {
    RenewalState.OPEN: "la liste n'est pas encore commandée",
    RenewalState.QUOTED: "un devis en tient le prix : passez la commande, ou abandonnez-la d'abord",
    RenewalState.ORDERED: "la liste est commandée",
    RenewalState.APPLIED: "la liste est déjà attribuée aux écoles",
    RenewalState.DECLINED: "la reconduction est laissée sans suite : rouvrez-la d'abord",
}


def lock_renewal(year: int, version: int, *states: RenewalState, at: datetime.datetime) -> RenewalList:
    """Lock the renewal's row, made where there is none, and return the list as it stands.

    `version`: the one that was shown. Raises `RenewalNotOpen`, `RenewalChanged`, or `WrongRenewalState` where it is in
    none of these states.
    """
    if year not in queries.list_years(date_in_paris(at)):
        raise RenewalNotOpen(_describe_closed(year, date_in_paris(at)))
    Renewal.objects.get_or_create(school_year=year, defaults={"changed_at": at})
    locked = Renewal.objects.locked().get(school_year=year)
    if locked.version != version:
        when = formatting.long_moment(locked.changed_at.astimezone(PARIS))
        raise RenewalChanged(
            f"La liste a été changée le {when}, pendant que vous la lisiez. Rien n'est fait : relisez-la, elle est à "
            "jour ici."
        )
    found = read_list(year, at)
    if found.state not in states:
        raise WrongRenewalState(f"Rien n'est fait : {_STATE_WORDS[found.state]}.")
    return found


def save_change(found: RenewalList, *, action: str, summary: str, by: User | None, at: datetime.datetime) -> Renewal:
    """Count a change of the locked renewal, and record it in the journal; return the renewal."""
    renewal = found.renewal
    assert renewal is not None  # noqa: S101 - locked, so made
    renewal.version += 1
    renewal.changed_at, renewal.changed_by_id = at, by.pk if by else None
    renewal.save()
    audit_log.record(
        action=f"renewals.{action}",
        by=by,
        at=at,
        summary=f"Reconduction {format_school_year(renewal.school_year)} : {summary}.",
        object_type=OBJECT_TYPE,
        object_id=renewal.pk,
    )
    return renewal


def _describe_closed(year: int, day: datetime.date) -> str:
    opening = queries.get_opening_day(year)
    if day < opening:
        return f"La reconduction {format_school_year(year)} s'ouvre le {formatting.long_date(opening)}."
    return f"La reconduction {format_school_year(year)} n'est plus ouverte."
