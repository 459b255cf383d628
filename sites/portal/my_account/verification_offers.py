"""Offers on « Mon compte »: verification as principal, directory matches of a school typed by hand.

Read with the page; the views are in `verification` and `profile`.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from licensing.entitlements.overview import PrincipalOverview
from schools import queries
from schools.models import Affiliation, PrincipalRequest, School
from schools.queries import LikelySchool, get_pending_principal_request, list_verified_principals


@dataclass(frozen=True, kw_only=True, slots=True)
class VerificationOffer:
    """Verification offered to a principal by the official mailbox of the displayed school."""

    school: School
    #: The user has a subscription for the school: offered prominently.
    served: bool
    #: The school has a verified principal, whose name is not shown.
    led: bool
    #: The request whose link can still be confirmed.
    sent: PrincipalRequest | None

    @property
    def open(self) -> bool:
        return self.served or self.led


def get_verification_offer(
    user: User, overview: PrincipalOverview, *, at: datetime.datetime
) -> VerificationOffer | None:
    """Return the offer; None for a verified principal, and where the school was typed by hand.

    At most two queries; none for a verified principal.
    """
    affiliation = overview.affiliation
    if affiliation is None or affiliation.school is None or affiliation.verified_at is not None:
        return None
    school = affiliation.school
    served = any(card.subscription.school_id == school.pk for card in overview.cards)
    return VerificationOffer(
        school=school,
        served=served,
        led=list_verified_principals(school.pk).exists(),
        sent=get_pending_principal_request(user, school.pk, at=at),
    )


def find_likely_schools(content: dict[str, Any]) -> list[LikelySchool]:
    """Return directory schools that may match the one typed by hand, if any, with reasons."""
    affiliations = content["overview"].affiliations if "overview" in content else [content.get("affiliation")]
    typed: Affiliation | None = next((one for one in affiliations if one is not None and one.school_id is None), None)
    return queries.suggest_schools_for(typed) if typed is not None else []
