"""Who may open a page of the office: a member of this collectivity, with one of the roles the page names.

And, where the collectivity asks it of its managers, with a second factor: a manager without one is led to it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from collectivities.models import Member
from collectivities.queries import owes_second_factor
from web.access import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectivities.models import Role

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
        members = Member.objects.filter(left_at=None).annotate(lacks_second_factor=owes_second_factor())
        member = members.filter(user_id=request.user.pk).select_related("user").first()
        if member is None:
            # A stranger learns nothing about what stands behind an office's doors.
            raise Http404("Not a member of this collectivity.")
        if self.roles and self.roles.isdisjoint(member.roles):
            raise PermissionDenied("Votre rôle ne permet pas d'ouvrir cette page.")
        if vars(member)["lacks_second_factor"]:
            return self.without_second_factor(request)
        cast("OfficeRequest", request).member = member
        return None

    def without_second_factor(self, request: HttpRequest) -> HttpResponse:
        """Lead the manager to a second factor, and back to the page afterwards. Nothing else happens."""
        messages.info(
            request,
            "ce bureau demande à ses gestionnaires la double authentification. Activez-la une fois : vous pourrez "
            "ensuite y travailler comme avant.",
        )
        back = request.get_full_path() if request.method == "GET" and not request.headers.get("HX-Request") else "/"
        address = redirect_to_login(back, reverse("mfa_activate_totp")).url
        if request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(address)
        return HttpResponseRedirect(address)


def office(*roles: Role) -> Callable[[V], V]:
    """Open a view to the members of the collectivity who have one of `roles` (to all of them where none is named)."""
    return opened(Office(*roles))
