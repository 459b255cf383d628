"""Access policy of office pages: members of the collectivity with one of the roles that the page names.

Where the collectivity requires a second factor, a buyer or manager without one is led to enrol first, after the grace
period.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views import defaults
from django_htmx.http import HttpResponseClientRedirect

from accounts.requests import AuthenticatedRequest
from collectivities import second_factor_rule
from collectivities.models import Member, Role
from collectivities.office_visits import OfficeVisit
from collectivities.second_factor_rule import GracePeriod
from web.access import require_policy

V = TypeVar("V", bound="Callable[..., object]")


class OfficeHttpRequest(AuthenticatedRequest):
    """A request that `OfficeAccess` let through, with the member who makes it.

    `second_factor_grace`: how long they may still do without the second factor they need; None where they may not, or
    need none. Pages show it.
    """

    member: Member
    second_factor_grace: GracePeriod | None


def get_visit(request: HttpRequest) -> OfficeVisit | None:
    """Return the operator's visit that the request belongs to; None for everybody else."""
    visit: OfficeVisit | None = getattr(request, "office_visit", None)
    return visit


class OfficeAccess:
    """Access policy: a member with one of the roles; any member where no role is given."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)
        self.label = "office: " + (", ".join(sorted(self.roles)) or "any member")

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Redirect visitors to the sign-in page; answer 404 to non-members and 403 to members without the role."""
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if (visit := get_visit(request)) is not None:
            self._let_visitor_in(request, visit)
            return None
        member = second_factor_rule.find_member(request.user)
        if member is None:
            # 404 and not 403: non-members must not learn which pages exist.
            raise Http404("Not a member of this collectivity.")
        # Before any refusal, so that its page addresses a member.
        cast("OfficeHttpRequest", request).member = member
        self._check_role(member)
        now = timezone.now()
        if second_factor_rule.needs_enrolment(member, at=now):
            return self.without_second_factor(request)
        cast("OfficeHttpRequest", request).second_factor_grace = second_factor_rule.find_grace(member, at=now)
        return None

    def _check_role(self, member: Member) -> None:
        if self.roles and self.roles.isdisjoint(member.roles):
            raise PermissionDenied("Votre rôle ne permet pas d'ouvrir cette page.")

    def _let_visitor_in(self, request: HttpRequest, visit: OfficeVisit) -> None:
        """Let the operator read what a manager may open; `visit_middleware` refuses all but reading."""
        cast("OfficeHttpRequest", request).member = visit.member
        cast("OfficeHttpRequest", request).second_factor_grace = None
        self._check_role(visit.member)

    def without_second_factor(self, request: HttpRequest) -> HttpResponse:
        """Redirect the member to the ways of enrolling, and from there back to the page."""
        messages.info(
            request,
            "ce bureau demande la double authentification à ses gestionnaires et à ses acheteurs, qui engagent "
            "l'argent et les licences de la collectivité. Activez-la une fois : vous reviendrez ensuite à la page "
            "demandée.",
        )
        next_url = request.get_full_path() if request.method == "GET" and not request.headers.get("HX-Request") else "/"
        url = redirect_to_login(next_url, reverse("mfa_index")).url
        if request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(url)
        return HttpResponseRedirect(url)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the 404 response: to members in their office, to others without telling whether the page exists."""
    # At a host that is no collectivity's, no session was read.
    user = getattr(request, "user", None)
    if (visit := get_visit(request)) is not None:
        cast("OfficeHttpRequest", request).member = visit.member
    elif user is not None and user.is_authenticated and not hasattr(request, "member"):
        member = Member.objects.filter(left_at=None, user_id=user.pk).first()
        if member is not None:
            cast("OfficeHttpRequest", request).member = member
    if hasattr(request, "member"):
        return render(request, "collectivities/page_not_found.html", status=404)
    return defaults.page_not_found(request, exception)


def office(*roles: Role) -> Callable[[V], V]:
    """Restrict a view to members of the collectivity with one of `roles` (to all members where none is given)."""
    return require_policy(OfficeAccess(*roles))
