"""Who may open a page of the office: a member of this collectivity, with one of the roles the page names."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from collectivities.models import Member, Role
from web.access import opened

if TYPE_CHECKING:
    from collections.abc import Callable

V = TypeVar("V", bound="Callable[..., object]")


class OfficeRequest(HttpRequest):
    """A request that `Office` let through: it says which member makes it."""

    member: Member


class Office:
    """A member with one of the roles; any member where none is named."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)
        self.label = "office: " + (", ".join(sorted(self.roles)) or "any member")

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Send visitors to the sign-in page; answer 404 to strangers and 403 to members without the role."""
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        member = Member.objects.filter(user_id=request.user.pk, left_at=None).select_related("user").first()
        if member is None:
            # A stranger learns nothing about what stands behind an office's doors.
            raise Http404("Not a member of this collectivity.")
        if self.roles and self.roles.isdisjoint(member.roles):
            raise PermissionDenied("Votre rôle ne permet pas d'ouvrir cette page.")
        cast("OfficeRequest", request).member = member
        return None


def office(*roles: Role) -> Callable[[V], V]:
    """Open a view to the members of the collectivity who have one of `roles` (to all of them where none is named)."""
    return opened(Office(*roles))
