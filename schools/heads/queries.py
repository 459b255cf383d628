"""Queries on a school's principals and verification links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import OuterRef

from accounts.models import Profile
from schools.heads import links
from schools.heads.exceptions import HeadLinkGone
from schools.models import Affiliation, HeadEvent, HeadRequest

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet

    from accounts.models import User


def verified_heads(school_id: str) -> QuerySet[Affiliation]:
    """Return the affiliations of the school's verified principals, by date of verification."""
    return (
        Affiliation.objects.filter(
            school=school_id, verified_at__isnull=False, user__profile=Profile.PRINCIPAL, user__is_active=True
        )
        .select_related("user")
        .order_by("verified_at", "pk")
    )


def waiting_request(user: User, school_id: str, *, at: datetime.datetime) -> HeadRequest | None:
    """Return the latest link sent for this user that can still be confirmed, or None."""
    sent = HeadRequest.objects.filter(user=user, school=school_id, confirmed_at=None, expires_at__gt=at)
    return sent.order_by("-asked_at", "-pk").first()


def request_by_token(token: str, *, at: datetime.datetime, lock: bool = False) -> tuple[HeadRequest, Affiliation]:
    """Return the request of a link's token, and the affiliation it would verify. Raises `PrincipalLinkExpired`.

    Also raised where the user left the school, closed their account or was verified meanwhile.
    """
    requests = HeadRequest.objects.filter(token_hash=links.token_hash(token)).select_related("user", "school")
    request = (requests.select_for_update(of=("self",), no_key=True) if lock else requests).first()
    if request is None or not stands(request, at=at):
        raise HeadLinkGone
    affiliation = Affiliation.objects.filter(user=request.user_id, school=request.school_id, verified_at=None).first()
    if affiliation is None:
        raise HeadLinkGone
    affiliation.user, affiliation.school = request.user, request.school
    return request, affiliation


def stands(request: HeadRequest, *, at: datetime.datetime) -> bool:
    """Return whether the link can be used: not confirmed, not expired, of a principal with an active account."""
    user = request.user
    return (
        request.confirmed_at is None
        and request.expires_at > at
        and user.is_active
        and user.profile == Profile.PRINCIPAL
    )


def replaced_since(moment: datetime.datetime) -> QuerySet[HeadEvent]:
    """Return a subquery for `Exists` on affiliations: a successor replaced the user at the school since `moment`."""
    return HeadEvent.objects.filter(
        school=OuterRef("school"), user=OuterRef("user"), kind=HeadEvent.Kind.REPLACED, at__gte=moment
    )
