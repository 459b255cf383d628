"""The doors of an office's API: the office's own policy, its answers in JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse

from collectivities.access import Office

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class OfficeApi(Office):
    """As `Office`: 401 to visitors, 404 to strangers, 403 without the role or the second factor that is asked."""

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Answer where the page would redirect or raise: a program follows no sign-in form."""
        if not request.user.is_authenticated:
            answer = _refuse(401, "not_authenticated", "Connectez-vous au bureau de votre collectivité.")
            answer["WWW-Authenticate"] = "Session"
            return answer
        try:
            return super().__call__(request)
        except Http404:
            return not_found()
        except PermissionDenied:
            return _refuse(403, "permission_denied", "Votre rôle ne le permet pas.")

    def without_second_factor(self, request: HttpRequest) -> HttpResponse:
        """Answer with a code of its own: what is missing is not the role."""
        return _refuse(
            403,
            "second_factor_required",
            "Ce bureau demande à ses gestionnaires la double authentification : activez-la à l'adresse du bureau, "
            "page « Sécurité », puis recommencez.",
        )


def not_found() -> JsonResponse:
    """Return the one answer to whatever is not there for whoever asks."""
    return _refuse(404, "not_found", "Il n'y a rien à cette adresse.")


def _refuse(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail}, status=status, json_dumps_params={"ensure_ascii": False})
