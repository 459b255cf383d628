"""Access policy of office pages: members of the collectivity who may do what the page is for.

Where the collectivity requires a second factor, a buyer or manager without one is led to enrol first, after the grace
period.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views import defaults
from django_htmx.http import HttpResponseClientRedirect

from accounts import second_factor
from accounts.models import User
from accounts.requests import AuthenticatedRequest
from collectivities.capabilities import ENGAGES, Capability
from collectivities.models import Member, OfficeSettings, list_roles
from collectivities.office_visits import OfficeVisit
from collectivities.queries import sort_by_name
from core.registry import Registry
from web.access import require_policy

# Whether an office requires a second factor, of whom, and from when.
#
# Buyers and managers need one unless the office switched it off. In an office that has given nothing yet, a new member
# has seven days.

GRACE = datetime.timedelta(days=7)
_CONCERNED = Q(roles__overlap=list_roles(*ENGAGES))

#: By app above this one, a condition that the office has given something to a school.
gifts: Registry[Callable[[], Exists]] = Registry("condition of what an office gave")


class GracePeriod(NamedTuple):
    """Until when a member may still work without a second factor."""

    ends_at: datetime.datetime
    #: Days left, rounded up.
    days: int


def is_required(office: OfficeSettings) -> bool:
    """Return whether the office requires a second factor: by its own decision, else by the platform's setting."""
    if office.second_factor_required is None:
        return bool(settings.OFFICE_SECOND_FACTOR)
    return office.second_factor_required


def find_member(user: User) -> Member | None:
    """Return the user's membership of the current office, with what `find_grace` reads of it. Two queries at most.

    The second is of those who need a second factor alone: the account's factors are of the public schema.
    """
    member = Member.objects.filter(left_at=None, user_id=user.pk).annotate(**_build_annotations()).first()
    if member is not None:
        member.user = user
        vars(member)["lacks_second_factor"] = vars(member)["needs_second_factor"] and not second_factor.is_enabled(user)
    return member


def _build_annotations() -> dict[str, ExpressionWrapper[Q]]:
    if settings.OFFICE_SECOND_FACTOR:
        required = ~Q(Exists(OfficeSettings.objects.filter(second_factor_required=False)))
    else:
        required = Q(Exists(OfficeSettings.objects.filter(second_factor_required=True)))
    has_given = Q(pk__in=[])
    for condition in gifts.values():
        has_given |= Q(condition())
    return {
        "needs_second_factor": _as_boolean(_CONCERNED & required),
        "office_has_given": _as_boolean(has_given),
    }


def find_grace(member: Member, *, at: datetime.datetime) -> GracePeriod | None:
    """Return how long a member of `find_member` may still do without the second factor they need; None for no grace."""
    ends_at = member.joined_at + GRACE
    if not vars(member)["lacks_second_factor"] or vars(member)["office_has_given"] or ends_at <= at:
        return None
    return GracePeriod(ends_at, math.ceil((ends_at - at) / datetime.timedelta(days=1)))


def list_members_without() -> list[Member]:
    """Return the buyers and managers without a second factor, by name, whether or not the office requires one.

    Two queries.
    """
    without = User.objects.exclude(second_factor.has_second_factor(OuterRef("pk")))
    return sort_by_name(Member.objects.who_may(*ENGAGES), without)


def _as_boolean(condition: Q) -> ExpressionWrapper[Q]:
    return ExpressionWrapper(condition, output_field=BooleanField())


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
    """Access policy: a member who may do one of these, which is one with one of `roles`; any member without any."""

    def __init__(self, *capabilities: Capability) -> None:
        self.roles = frozenset(list_roles(*capabilities))
        self.label = "office: " + (", ".join(sorted(self.roles)) or "any member")

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Redirect visitors to the sign-in page; answer 404 to non-members and 403 to members without the role."""
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if (visit := get_visit(request)) is not None:
            self._let_visitor_in(request, visit)
            return None
        member = find_member(request.user)
        if member is None:
            # 404 and not 403: non-members must not learn which pages exist.
            raise Http404("Not a member of this collectivity.")
        # Before any refusal, so that its page addresses a member.
        cast("OfficeHttpRequest", request).member = member
        self._check_role(member)
        grace = find_grace(member, at=timezone.now())
        if vars(member)["lacks_second_factor"] and grace is None:
            return self.without_second_factor(request)
        cast("OfficeHttpRequest", request).second_factor_grace = grace
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


def office(*capabilities: Capability) -> Callable[[V], V]:
    """Restrict a view to members of the collectivity who may do one of these (to all members where none is given)."""
    return require_policy(OfficeAccess(*capabilities))
