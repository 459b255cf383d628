"""The back office: our own pages at its root, and the admin, for superusers signed in through the portal.

The admin's Content-Security-Policy is looser because django-unfold runs Alpine, which evaluates expressions, and sets
inline styles; see docs/decisions/0022. Our own pages keep the policy of the site.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.debug import sensitive_post_parameters
from unfold.sites import UnfoldAdminSite

from accounts import second_factor

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    **settings.SECURE_CSP,
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
}
#: Groups are unused; e-mail addresses and second factors belong to their owners; jobs have their own admin.
UNREGISTERED_MODELS = {"auth.Group", "account.EmailAddress", "mfa.Authenticator", "procrastinate.ProcrastinateJob"}


class BackOfficeSite(UnfoldAdminSite):
    site_title = site_header = "Pep's – exploitation"
    index_title = "Toute l'administration"
    index_template = "back_office/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register the models, except those of third parties that the operator does not need."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        known = [model for model in models if model._meta.label not in UNREGISTERED_MODELS]  # noqa: SLF001 - documented
        super().register(known, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Allow superusers only, with a second factor if the settings require it."""
        return second_factor.may_operate(request.user)

    def admin_view[V: Callable[..., HttpResponseBase]](self, view: V, cacheable: bool = False) -> V:  # noqa: FBT001, FBT002 - Django's signature
        """Wrap every admin page in the site's Content-Security-Policy."""
        return csp_override(CONTENT_SECURITY_POLICY)(super().admin_view(view, cacheable))

    def own_page[V: Callable[..., HttpResponseBase]](self, view: V) -> V:
        """Ask of a page of our own what the admin asks, and keep the site's Content-Security-Policy."""
        return super().admin_view(view)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the portal's sign-in page, which is throttled and checks the second factor.

        Django's own sign-in form is never shown: it would accept the password alone.
        """
        if self.has_permission(request):
            return redirect("admin:index")
        if second_factor.is_operator(request.user):
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
        """Put our own pages before the admin's, whose home page is « Toute l'administration »."""
        from sites.back_office.pages.urls import OWN_PAGES  # noqa: PLC0415 - imports models, which are not loaded yet when the site is created

        return [
            *(path(route, self.own_page(view), name=name) for route, view, name in OWN_PAGES),
            path("rechercher/", self.own_page(self.search), name="global_search"),
            path("tout/", self.admin_view(self.index), name="everything"),
            *super().get_urls(),
        ]

    @method_decorator(sensitive_post_parameters("query"))
    @method_decorator(never_cache)
    def search(self, request: HttpRequest) -> HttpResponse:
        """Search everything. The query is kept in address and field, unless it may be a key: then in neither."""
        from sites.back_office import global_search  # noqa: PLC0415 - imports models
        from sites.back_office.pages.clients import find_clients  # noqa: PLC0415 - imports models
        from sites.back_office.search_results import GlobalSearchResult  # noqa: PLC0415 - imports models

        text = (request.POST if request.method == "POST" else request.GET).get("query", "")
        secret = global_search.may_be_key(text)
        if request.method == "POST" and not secret:
            return redirect(f"{reverse('admin:global_search')}?{urlencode({'query': text})}")
        if request.method == "POST" or ("query" in request.GET and not secret):
            found = global_search.search_everywhere(text)
        elif secret:
            found = GlobalSearchResult("", problem="Une clé se saisit dans le champ, jamais dans l'adresse.")
        else:
            found = None
        context = {
            "found": found,
            "clients": found and find_clients(found.schools, found.people),
            "searched": "" if secret else text,
        }
        return TemplateResponse(request, "back_office/global_search.html", context)
