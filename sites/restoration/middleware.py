"""A restored copy is read and not written: its numbers may be given already, and what is typed in may be lost."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve

from api.problem_details import build_problem_response
from installation.hold import InstallationHeld, find_hold
from web.outage import SAFE_METHODS

#: Seconds after which a program is asked to come back.
RETRY_AFTER = 600
#: What may be sent all the same: the operator signs in, and looks.
_ALLOWED = frozenset(
    {
        "account_login",
        "account_logout",
        "account_reauthenticate",
        "mfa_authenticate",
        "mfa_login_webauthn",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
    }
)


class HoldMiddleware:
    """Refuses what would write while the installation is held, and tells the pages of it as `request.hold`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request, unless it would write into a restored copy: that is a 503."""
        reads_only = request.method in SAFE_METHODS
        cause = find_hold(reads_only=reads_only)
        request.hold = cause  # type: ignore[attr-defined]
        if cause is not None and not reads_only and not _is_allowed(request):
            return _refuse(request)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer where a page that only reads would have asked another server."""
        return _refuse(request) if isinstance(error, InstallationHeld) else None


def _is_allowed(request: HttpRequest) -> bool:
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None)).url_name in _ALLOWED
    except Resolver404:
        return False


def _refuse(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
    if request.path.startswith("/api/"):
        return build_problem_response(InstallationHeld.code, InstallationHeld.sentence, 503, **headers)
    return HttpResponse(render_to_string("restoration/held.html"), status=503, headers=headers)
