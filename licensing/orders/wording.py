"""Sentences about the rights of an order, for its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licensing.entitlements.wording import format_long_date, status_text

if TYPE_CHECKING:
    import datetime

    from licensing.entitlements.models import Entitlement


def describe_rights(entitlement: Entitlement, day: datetime.date, *, checked: bool) -> str:
    """Return a sentence on what an order's licences wait for; empty if they are firm.

    `checked`: the signed purchase order is being checked, and no countdown runs.
    """
    if checked and entitlement.unpaid_until is not None and entitlement.usable_on(day):
        return (
            "Droits temporaires : le compte à rebours, qui allait jusqu'au"
            f" {format_long_date(entitlement.unpaid_until)}, est arrêté le temps que nous vérifiions votre bon de"
            f" commande. Puis jusqu'au {format_long_date(entitlement.last_day)} inclus dès règlement."
        )
    return status_text(entitlement, day)
