"""The admin's site: for superusers, signed in as everybody is, under a policy of its own.

See docs/decisions on the looser Content-Security-Policy: unfold runs Alpine, which evaluates expressions, and styles
elements inline. Nobody but the operator ever loads these pages.
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

POLICY: dict[str, Any] = {
    **settings.SECURE_CSP,
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
}
#: Groups give nothing here; addresses and second factors are their owners' alone; the queue is `jobs.admin`'s.
LEFT_OUT = {"auth.Group", "account.EmailAddress", "mfa.Authenticator", "procrastinate.ProcrastinateJob"}


class OperatorSite(UnfoldAdminSite):
    site_title = site_header = "Pep's – exploitation"
    index_title = "Accueil"
    index_template = "pages/operator/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register what the operator has a use for, and leave out the rest of what third parties bring."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        super().register([model for model in models if model._meta.label not in LEFT_OUT], admin_class, **options)  # noqa: SLF001 - documented

    def has_permission(self, request: HttpRequest) -> bool:
        """Let superusers in, with a second factor where the settings ask for it; nobody else has a page here."""
        return self._is_operator(request) and not self._lacks_second_factor(request)

    @staticmethod
    def _is_operator(request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff and request.user.is_superuser)

    @staticmethod
    def _lacks_second_factor(request: HttpRequest) -> bool:
        return settings.OPERATOR_SECOND_FACTOR and not cast("User", request.user).has_second_factor

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Wrap every page of the admin in its own policy."""
        wrapped: Callable[..., Any] = csp_override(POLICY)(super().admin_view(view, cacheable))
        return wrapped

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign in by the portal's own page, which limits the tries and asks for the second factor.

        Django's own form is shown to nobody, signed in or not: it would let in by the password alone.
        """
        if self.has_permission(request):
            return redirect("admin:index")
        if self._is_operator(request):
            messages.info(
                request, "l'exploitation demande la double authentification. Activez-la une fois pour entrer."
            )
            return redirect_to_login(self._sought(request), reverse("mfa_activate_totp"))
        if request.user.is_authenticated:
            raise PermissionDenied("The operator's site is for superusers.")
        return redirect_to_login(self._sought(request), reverse("account_login"))

    @staticmethod
    def _sought(request: HttpRequest) -> str:
        """Return the page that asked to sign in; what is no page of the admin is its first."""
        sought = request.GET.get(REDIRECT_FIELD_NAME, "")
        return sought if sought.startswith(reverse("admin:index")) else reverse("admin:index")

    def get_urls(self) -> list[Any]:
        """Add the search across all collectivities."""
        return [path("rechercher/", self.admin_view(self.everywhere), name="everywhere"), *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what waits for a hand, then the search and the lists."""
        from pages.operator import waiting  # noqa: PLC0415 - imports models; the site is made before they are

        waits = {"waits": waiting.tasks(timezone.now()), "synchronised": waiting.synchronised()}
        answer: TemplateResponse = super().index(request, waits | (extra_context or {}))
        return answer

    @method_decorator(sensitive_post_parameters("sought"))
    def everywhere(self, request: HttpRequest) -> HttpResponse:
        """Find anyone by UAI, e-mail address or key. By POST: what was sought stands in no address and no log."""
        from pages.operator import everywhere  # noqa: PLC0415 - imports models

        found = everywhere.find(request.POST.get("sought", "")) if request.method == "POST" else None
        context = {**self.each_context(request), "title": "Rechercher partout", "found": found}
        return TemplateResponse(request, "pages/operator/everywhere.html", context)
