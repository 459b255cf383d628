"""Error responses as RFC 9457 problem details: `application/problem+json`, a stable `code`, a message in French.

`errors` lists the field, and the row of a list, of each error. A `DomainError` is a 409 unless the endpoint
sets another status.
"""

from __future__ import annotations

import http
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.settings import api_settings

from core.exceptions import DomainError
from web import outage

CONTENT_TYPE = "application/problem+json"
#: URL of the documentation of each code, relative to the API's host.
TYPE_URL = "/api/v1/documentation/errors/#{}"
_NON_FIELD = api_settings.NON_FIELD_ERRORS_KEY

NOT_FOUND_DETAIL = "Il n'y a rien à cette adresse, ou rien que votre collectivité puisse lire."


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error in the request. `row`: its index in the submitted list, from 0."""

    code: str
    detail: str
    field: str | None = None
    row: int | None = None


class ApiProblem(exceptions.APIException):
    """An error response with its code, message, status and field errors."""

    status_code: int = status.HTTP_409_CONFLICT

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status_code: int | None = None,
        field_errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail, code)
        self.code = code
        self.field_errors = tuple(field_errors)
        self.retry_after = retry_after
        if status_code is not None:
            self.status_code = status_code


class InvalidRequest(ApiProblem):
    """The request does not match the OpenAPI document."""

    status_code = 400

    def __init__(self, field_errors: Sequence[FieldError]) -> None:
        summary = (
            field_errors[0].detail
            if len(field_errors) == 1
            else f"{len(field_errors)} erreurs dans la requête : voyez « errors »."
        )
        super().__init__("invalid_request", summary, field_errors=field_errors)


def serialize_problem(
    code: str, detail: str, status_code: int, field_errors: Sequence[FieldError] = ()
) -> dict[str, Any]:
    """Return the members of the problem details object."""
    return {
        "type": TYPE_URL.format(code),
        "title": http.HTTPStatus(status_code).phrase,
        "status": status_code,
        "code": code,
        "detail": detail,
        "errors": [
            {name: value for name, value in asdict(error).items() if value is not None} for error in field_errors
        ],
    }


def build_problem_response(code: str, detail: str, status_code: int, **headers: str) -> JsonResponse:
    """Return a problem details response outside of an endpoint, from a middleware or an error handler."""
    return JsonResponse(
        serialize_problem(code, detail, status_code),
        status=status_code,
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store"} | headers,
        json_dumps_params={"ensure_ascii": False},
    )


def build_exception_response(error: Exception, statuses: Mapping[str, int]) -> Response | None:
    """Return the response for an exception that an endpoint raised; None for an unexpected exception.

    `statuses`: HTTP status by code of a `DomainError`; 409 for the others.
    """
    problem = _to_problem(error, statuses)
    if problem is None:
        return None
    response = Response(
        serialize_problem(problem.code, str(problem.detail), problem.status_code, problem.field_errors),
        status=problem.status_code,
        content_type=CONTENT_TYPE,
    )
    if (challenge := getattr(error, "auth_header", None)) is not None:
        response["WWW-Authenticate"] = challenge
    if problem.retry_after is not None:
        response["Retry-After"] = str(problem.retry_after)
    return response


#: Framework exceptions: code, message (None: the exception's own), HTTP status.
_FRAMEWORK_ERRORS: tuple[tuple[type[Exception], str, str | None, int], ...] = (
    (Http404, "not_found", NOT_FOUND_DETAIL, 404),
    (exceptions.NotFound, "not_found", NOT_FOUND_DETAIL, 404),
    (PermissionDenied, "permission_denied", "Ce jeton ne le permet pas.", 403),
    (
        exceptions.MethodNotAllowed,
        "method_not_allowed",
        "Cette adresse ne répond pas à cette méthode : voyez l'en-tête « Allow ».",
        405,
    ),
    (
        exceptions.UnsupportedMediaType,
        "unsupported_media_type",
        "Ce type de contenu n'est pas lu à cette adresse : voyez sa description.",
        415,
    ),
    (
        exceptions.NotAcceptable,
        "not_acceptable",
        "L'API répond en JSON : acceptez « application/json ».",
        406,
    ),
    (exceptions.ParseError, "parse_error", None, 400),
)


def _to_problem(error: Exception, statuses: Mapping[str, int]) -> ApiProblem | None:
    if isinstance(error, ApiProblem):
        return error
    if isinstance(error, DomainError):
        return ApiProblem(error.code, str(error), status_code=statuses.get(error.code))
    if isinstance(error, exceptions.ValidationError):
        return InvalidRequest(list(iter_field_errors(error.detail)))
    for kind, code, sentence, status_code in _FRAMEWORK_ERRORS:
        if isinstance(error, kind):
            return ApiProblem(code, sentence or str(error), status_code=status_code)
    return None


def iter_field_errors(detail: Any, path: tuple[str, ...] = (), row: int | None = None) -> Iterator[FieldError]:
    """Flatten a serializer's error detail: yield each error with its field and row."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            if isinstance(key, int) or (isinstance(key, str) and key.isdecimal()):
                yield from iter_field_errors(inner, path, int(key))
            else:
                yield from iter_field_errors(inner, path if key == _NON_FIELD else (*path, str(key)), row)
    elif isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        for index, inner in enumerate(detail):
            yield from iter_field_errors(inner, path, index)
    elif isinstance(detail, list):
        for inner in detail:
            yield from iter_field_errors(inner, path, row)
    else:
        yield FieldError(getattr(detail, "code", "invalid"), str(detail), ".".join(path) or None, row)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the response to an outage (503) or to a fault of ours (500): a page, or problem details for the API."""
    if not request.path.startswith("/api/"):
        return outage.server_error(request)
    found = outage.find_outage(sys.exception())
    if found is not None:
        detail = _describe_outage(request, may_be_done=found.may_be_done)
        return outage.mark(build_problem_response("service_unavailable", detail, 503), found)
    done = "votre requête est peut-être faite" if outage.may_have_written() else "rien n'a été fait"
    detail = (
        f"Une panne de notre fait a empêché cette réponse : {done}. Renvoyez la requête avec la même "
        "« Idempotency-Key » ; sans elle, vérifiez avant de recommencer. Si cela dure, prévenez-nous."
    )
    return build_problem_response("internal_error", detail, 500)


def _describe_outage(request: HttpRequest, *, may_be_done: bool) -> str:
    if may_be_done:
        return (
            "La base de données ne répond plus et la réponse s'est perdue : votre requête est peut-être faite. "
            "Renvoyez-la avec la même « Idempotency-Key » ; sans elle, vérifiez avant de recommencer."
        )
    done = "" if request.method in outage.SAFE_METHODS else " : rien n'a été fait"
    return (
        f"Le service est momentanément indisponible{done}. Recommencez après le nombre de secondes de « Retry-After »."
    )
