"""What is asked about who leads a school, without changing it."""

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
    """Return the attachments of those who were shown to lead the school, the one verified first standing first."""
    return (
        Affiliation.objects.filter(
            school=school_id, verified_at__isnull=False, user__profile=Profile.PRINCIPAL, user__is_active=True
        )
        .select_related("user")
        .order_by("verified_at", "pk")
    )


def waiting_request(user: User, school_id: str, *, at: datetime.datetime) -> HeadRequest | None:
    """Return the last link sent for this person that may still be confirmed, if one was."""
    sent = HeadRequest.objects.filter(user=user, school=school_id, confirmed_at=None, expires_at__gt=at)
    return sent.order_by("-asked_at", "-pk").first()


def request_by_token(token: str, *, at: datetime.datetime, lock: bool = False) -> tuple[HeadRequest, Affiliation]:
    """Return the request that a link belongs to, and the attachment it would verify. Raises `HeadLinkGone`.

    Gone as well: a link for somebody who left the school, closed his account or was verified meanwhile.
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
    """Whether the link may still be used: not confirmed, not expired, of a principal whose account is open."""
    user = request.user
    return (
        request.confirmed_at is None
        and request.expires_at > at
        and user.is_active
        and user.profile == Profile.PRINCIPAL
    )


def replaced_since(moment: datetime.datetime) -> QuerySet[HeadEvent]:
    """Return, for `Exists` over attachments, that a successor took the school over from the person since `moment`."""
    return HeadEvent.objects.filter(
        school=OuterRef("school"), user=OuterRef("user"), kind=HeadEvent.Kind.REPLACED, at__gte=moment
    )
