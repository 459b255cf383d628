"""The admin's site: for superusers, signed in as everybody is, under a policy of its own.

See docs/decisions on the looser Content-Security-Policy: unfold runs Alpine, which evaluates expressions, and styles
elements inline. Nobody but the operator ever loads these pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.template.response import TemplateResponse
from django.urls import path
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
        """Let superusers in, and nobody else: staff without it has no page here."""
        return bool(request.user.is_active and request.user.is_staff and request.user.is_superuser)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Wrap every page of the admin in its own policy."""
        wrapped: Callable[..., Any] = csp_override(POLICY)(super().admin_view(view, cacheable))
        return wrapped

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign in by the portal's own page, which limits the tries."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer

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
