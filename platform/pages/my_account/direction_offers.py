"""What « Mon compte » offers about one's school: to be confirmed as its head, or the directory's for a typed one.

Read with the page; `direction` and `details` are what the buttons lead to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schools import matching
from schools.heads.queries import verified_heads, waiting_request

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.subscriptions.overview import PrincipalOverview
    from schools.matching import LikelySchool
    from schools.models import Affiliation, HeadRequest, School


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """How a principal who is not verified may become so, by the official mailbox of the school he is looking at."""

    school: School
    #: He has a subscription for it: the link is offered on the spot.
    served: bool
    #: Somebody leads it: he may take over. Who it is stays unsaid.
    led: bool
    #: The link that was sent and may still be confirmed.
    sent: HeadRequest | None

    @property
    def open(self) -> bool:
        return self.served or self.led


def direction(user: User, overview: PrincipalOverview, *, at: datetime.datetime) -> Offer | None:
    """Return what to offer; None to who is verified, and where the school is not chosen in the directory.

    Two queries at most, and none for who is verified.
    """
    affiliation = overview.affiliation
    if affiliation is None or affiliation.school is None or affiliation.verified_at is not None:
        return None
    school = affiliation.school
    served = any(card.subscription.school_id == school.pk for card in overview.cards)
    return Offer(
        school=school,
        served=served,
        led=verified_heads(school.pk).exists(),
        sent=waiting_request(user, school.pk, at=at),
    )


def likely_schools(content: dict[str, Any]) -> list[LikelySchool]:
    """Return the directory's schools that the one typed by hand may be, each with the reason; none where none was."""
    shown = content["overview"].affiliations if "overview" in content else [content.get("affiliation")]
    typed: Affiliation | None = next((one for one in shown if one is not None and one.school_id is None), None)
    return matching.likely_schools_of(typed) if typed is not None else []
