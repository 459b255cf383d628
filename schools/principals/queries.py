"""Queries on a school's principals and verification links."""

from __future__ import annotations

import datetime

from django.db.models import OuterRef, QuerySet

from accounts.models import Profile, User
from core.link_tokens import hash_token
from core.querysets import LockableQuerySet
from schools.models import Affiliation, PrincipalEvent, PrincipalRequest
from schools.principals.exceptions import PrincipalLinkExpired


def list_verified_principals(school_id: str) -> LockableQuerySet[Affiliation]:
    """Return the affiliations of the school's verified principals, by date of verification."""
    return (
        Affiliation.objects.filter(
            school=school_id, verified_at__isnull=False, user__profile=Profile.PRINCIPAL, user__is_active=True
        )
        .select_related("user")
        .order_by("verified_at", "pk")
    )


def get_pending_principal_request(user: User, school_id: str, *, at: datetime.datetime) -> PrincipalRequest | None:
    """Return the latest link sent for this user that can still be confirmed, or None."""
    sent = PrincipalRequest.objects.filter(user=user, school=school_id, confirmed_at=None, expires_at__gt=at)
    return sent.order_by("-requested_at", "-pk").first()


def get_principal_request(
    token: str, *, at: datetime.datetime, lock: bool = False
) -> tuple[PrincipalRequest, Affiliation]:
    """Return the request of a link's token, and the affiliation it would verify. Raises `PrincipalLinkExpired`.

    Also raised where the user left the school, closed their account or was verified meanwhile.
    """
    requests = PrincipalRequest.objects.filter(token_hash=hash_token(token)).select_related("user", "school")
    request = (requests.locked() if lock else requests).first()
    if request is None or not is_link_usable(request, at=at):
        raise PrincipalLinkExpired
    affiliation = Affiliation.objects.filter(user=request.user_id, school=request.school_id, verified_at=None).first()
    if affiliation is None:
        raise PrincipalLinkExpired
    affiliation.user, affiliation.school = request.user, request.school
    return request, affiliation


def is_link_usable(request: PrincipalRequest, *, at: datetime.datetime) -> bool:
    """Return whether the link can be used: not confirmed, not expired, of a principal with an active account."""
    user = request.user
    return (
        request.confirmed_at is None
        and request.expires_at > at
        and user.is_active
        and user.profile == Profile.PRINCIPAL
    )


def list_replacements_since(moment: datetime.datetime) -> QuerySet[PrincipalEvent]:
    """Return a subquery for `Exists` on affiliations: a successor replaced the user at the school since `moment`."""
    return PrincipalEvent.objects.filter(
        school=OuterRef("school"), user=OuterRef("user"), kind=PrincipalEvent.Kind.REPLACED, at__gte=moment
    )
