"""What follows the licences of a school, on the tab « Licences »: how to have more of them, and those of next year."""

from __future__ import annotations

import datetime
from typing import Any

from core.calendar import date_in_paris
from licensing.catalogue.models import SchoolYear
from licensing.entitlements.overview import PrincipalOverview
from sites.portal.my_account import givers


def get_next_licences(found: PrincipalOverview, *, at: datetime.datetime) -> dict[str, Any]:
    """Return the context of `portal/_next_licences.html`; empty for a school without licences.

    One query, and two for each collectivity that gave.
    """
    if not found.current:
        return {}
    last_day = max(card.subscription.key.entitlement.last_day for card in found.current)
    following = SchoolYear.objects.filter(starts_on__gt=last_day, sold_from__isnull=False).order_by("ends_on").first()
    today = date_in_paris(at)
    return {
        "givers": givers.list_givers(found.current),
        "last_day": last_day,
        "next_year": following,
        "next_year_from": following.sold_from
        if following and following.sold_from and following.sold_from > today
        else None,
    }
