"""Sentences about the rights of an order, for its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.entitlements.wording import describe_start, format_long_date, status_text

if TYPE_CHECKING:
    import datetime

    from licensing.catalogue.models import SchoolYear
    from licensing.entitlements.models import Entitlement


def describe_period(year: SchoolYear, day: datetime.date) -> str:
    """Return when licences of a school year that are ordered on a day may be used: « jusqu'au 31 août 2027 inclus »."""
    until = f"jusqu'au {format_long_date(year.ends_on)} inclus"
    first_day = year.get_first_day(day)
    return f"à partir du {format_long_date(first_day)}, {until}" if first_day > day else until


def describe_rights(entitlement: Entitlement, day: datetime.date, *, checked: bool) -> str:
    """Return a sentence on what an order's licences wait for; empty if they are firm.

    `checked`: the signed purchase order is being checked, and no countdown runs.
    """
    if checked and entitlement.unpaid_until is not None and entitlement.available_on(day):
        start = describe_start(entitlement, day)
        prefix = f"Licences utilisables en classe {start}. " if start else ""
        return (
            f"{prefix}Droits temporaires : le compte à rebours, qui allait jusqu'au"
            f" {format_long_date(entitlement.unpaid_until)}, est arrêté le temps que nous vérifiions votre bon de"
            f" commande. Puis jusqu'au {format_long_date(entitlement.last_day)} inclus dès règlement."
        )
    return status_text(entitlement, day)
