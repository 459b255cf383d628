"""The back-office admin site: for superusers signed in through the portal, with its own Content-Security-Policy.

The policy is looser because django-unfold runs Alpine, which evaluates expressions, and sets inline styles; see
docs/decisions/0022. Only the operator loads these pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.debug import sensitive_post_parameters
from unfold.sites import UnfoldAdminSite

from accounts import second_factor

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse, HttpResponseBase

    from accounts.models import User

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    **settings.SECURE_CSP,
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
}
#: Groups are unused; e-mail addresses and second factors belong to their owners; jobs have their own admin.
UNREGISTERED_MODELS = {"auth.Group", "account.EmailAddress", "mfa.Authenticator", "procrastinate.ProcrastinateJob"}


def get_operator(request: HttpRequest) -> User:
    """Return the signed-in operator: the admin site lets nobody else in."""
    return cast("User", request.user)


class BackOfficeSite(UnfoldAdminSite):
    site_title = site_header = "Pep's – exploitation"
    index_title = "Accueil"
    index_template = "back_office/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register the models, except those of third parties that the operator does not need."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        known = [model for model in models if model._meta.label not in UNREGISTERED_MODELS]  # noqa: SLF001 - documented
        super().register(known, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Allow superusers only, with a second factor if the settings require it."""
        return self._is_operator(request) and not self._lacks_second_factor(request)

    @staticmethod
    def _is_operator(request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff and request.user.is_superuser)

    @staticmethod
    def _lacks_second_factor(request: HttpRequest) -> bool:
        return settings.OPERATOR_SECOND_FACTOR and not second_factor.is_enabled(get_operator(request))

    def admin_view[V: Callable[..., HttpResponseBase]](self, view: V, cacheable: bool = False) -> V:  # noqa: FBT001, FBT002 - Django's signature
        """Wrap every admin page in the site's Content-Security-Policy."""
        return csp_override(CONTENT_SECURITY_POLICY)(super().admin_view(view, cacheable))

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the portal's sign-in page, which is throttled and checks the second factor.

        Django's own sign-in form is never shown: it would accept the password alone.
        """
        if self.has_permission(request):
            return redirect("admin:index")
        if self._is_operator(request):
            messages.info(
                request, "l'exploitation demande la double authentification. Activez-la une fois pour entrer."
            )
            return redirect_to_login(self._next_url(request), reverse("mfa_index"))
        if request.user.is_authenticated:
            raise PermissionDenied("The operator's site is for superusers.")
        return redirect_to_login(self._next_url(request), reverse("account_login"))

    @staticmethod
    def _next_url(request: HttpRequest) -> str:
        """Return the requested admin page; the home page if it is not an admin URL."""
        url = request.GET.get(REDIRECT_FIELD_NAME, "")
        return url if url.startswith(reverse("admin:index")) else reverse("admin:index")

    def get_urls(self) -> list[Any]:
        """Add the search page before the admin's own."""
        return [path("rechercher/", self.admin_view(self.search), name="global_search"), *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the work items, the search and the navigation."""
        from sites.back_office import work_items  # noqa: PLC0415 - imports models, which are not loaded yet when the site is created

        context = {
            "work_items": work_items.list_work_items(timezone.now()),
            "synchronised": work_items.get_last_synchronisation(),
        }
        response: TemplateResponse = super().index(request, context | (extra_context or {}))
        return response

    @method_decorator(sensitive_post_parameters("query"))
    def search(self, request: HttpRequest) -> HttpResponse:
        """Search by UAI, e-mail address or key. By POST, so that the query is in no URL and no log."""
        from sites.back_office import global_search  # noqa: PLC0415 - imports models

        results = global_search.search_everywhere(request.POST.get("query", "")) if request.method == "POST" else None
        context = {**self.each_context(request), "title": "Rechercher partout", "found": results}
        return TemplateResponse(request, "back_office/global_search.html", context)
