"""View of the learning application: identify the owner of a ticket, and whether they may enter.

Authenticated by an application token only; sessions are ignored. Documented for the application's developers in
docs/application.md; every error is `{"code": …, "detail": …}`.
"""

import datetime
import sys
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView, exception_handler

from accounts import throttling
from accounts.known_origins import get_client_ip
from core.exceptions import DomainError
from licensing.classes import entry_check, tickets, tokens
from licensing.classes.models import ApplicationToken
from web import outage
from web.access import require_policy

#: Invalid tokens, by network.
INVALID_TOKEN_LIMIT = throttling.RateLimit("application/address", 30, datetime.timedelta(minutes=15))
_MAX_LENGTH = 200
_UNAVAILABLE = (
    "Le service est momentanément indisponible : rien n’a été fait. Recommencez après le nombre de secondes de "
    "« Retry-After »."
)
_PERHAPS_SPENT = (
    "La base de données ne répond plus et la réponse s’est perdue. Recommencez après le nombre de secondes de "
    "« Retry-After » ; si le ticket a servi, demandez à la personne de revenir par le portail."
)
_FAULT = (
    "Une panne de notre fait a empêché cette réponse. Demandez à la personne de revenir par le portail ; si cela dure, "
    "prévenez-nous."
)
NON_FIELD_ERRORS = api_settings.NON_FIELD_ERRORS_KEY

#: For `manage.py spectacular`, see docs/application.md.
SCHEMA = {
    "TITLE": "Pep's: may this person enter the application?",
    "DESCRIPTION": "What the learning application asks the portal. docs/application.md tells it with examples.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/application/v1",
    # Override the settings of the offices' API.
    "EXTERNAL_DOCS": {},
    "SERVERS": [],
    "TAGS": [],
    "COMPONENT_SPLIT_REQUEST": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": True,
}


class ApplicationTokenPolicy:
    """Access policy: an application token, which `ApplicationAuthentication` checks, with errors in JSON."""

    label = "application: token"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Return None: the endpoint itself decides."""
        return None


class ApplicationAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`: the user is anonymous, `request.auth` is the token."""

    @sensitive_variables()
    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApplicationToken] | None:
        """Return the token, or None where none was sent. Only invalid tokens are rate-limited, by network.

        The limit is checked after the token: guesses from a network must not lock out an application on it, and 256
        bits cannot be guessed.
        """
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        secret = parts[1].decode("latin-1") if len(parts) == 2 else ""  # noqa: PLR2004 - the scheme and the token
        at = timezone.now()
        try:
            return AnonymousUser(), tokens.authenticate(secret, at=at)
        except tokens.TokenRevoked as refusal:
            raise PermissionDenied(str(refusal), code=refusal.code) from None
        except tokens.UnknownApplicationToken as refusal:
            try:
                throttling.count_attempts(
                    [(INVALID_TOKEN_LIMIT, throttling.get_network(get_client_ip(request)))], at=at
                )
            except throttling.RateLimitExceeded as throttled:
                raise Throttled(throttled.retry_after) from None
            raise AuthenticationFailed(str(refusal), code=refusal.code) from None

    def authenticate_header(self, request: Request) -> str:
        """Return the `WWW-Authenticate` header of a 401."""
        return 'Bearer realm="Pep\'s"'


class ApplicationScheme(OpenApiAuthenticationExtension):
    """Description of the authentication for OpenAPI."""

    target_class = ApplicationAuthentication
    name = "applicationToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer"}


class HasApplicationToken(BasePermission):
    message = "Montrez le jeton de l’application : « Authorization: Bearer … »."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return whether a valid token was sent."""
        return isinstance(request.auth, ApplicationToken)


class EntryRequestSerializer(serializers.Serializer[Any]):
    """Either a ticket, which is consumed, or the name of a person that an earlier answer gave."""

    ticket = serializers.CharField(
        required=False,
        max_length=_MAX_LENGTH,
        help_text="What came with the person, in the address; good once.",
    )
    person = serializers.CharField(
        required=False,
        max_length=_MAX_LENGTH,
        help_text="The name that an earlier answer gave: `teacher-12`, `pupil-34`.",
    )

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        """Raise `ValidationError` unless exactly one of the two is given."""
        if len(attrs) != 1:
            raise serializers.ValidationError("Envoyez soit « ticket », soit « person ».")
        return attrs


class OpenClassSerializer(serializers.Serializer[Any]):
    """A class that the person may enter."""

    id = serializers.IntegerField(source="pk", help_text="Stable; belongs to the class, whoever teaches it.")
    code = serializers.CharField(help_text="What pupils type after their word: `tulipe-5830`.")
    name = serializers.CharField(help_text="What its teacher calls it: `CE1 B`.")
    until = serializers.DateField(help_text="The last day, inclusive, in Europe/Paris.")


class EntrySerializer(serializers.Serializer[Any]):
    """Who the person is, and whether they may enter now."""

    person = serializers.CharField(help_text="Stable: `teacher-12`, `pupil-34`.")
    allowed = serializers.BooleanField(source="entry.allowed")
    role = serializers.ChoiceField(["teacher", "pupil"], source="entry.role")
    until = serializers.DateField(
        source="entry.until", allow_null=True, help_text="The last day, inclusive, in Europe/Paris."
    )
    classes = OpenClassSerializer(
        source="entry.classes", many=True, help_text="A pupil's class; those that a teacher has opened, none at first."
    )
    number = serializers.IntegerField(
        source="entry.number", allow_null=True, help_text="A pupil's number in the class, 1 to 30."
    )
    nickname = serializers.CharField(source="entry.nickname", help_text="A pupil's word in the class: `léopard`.")
    reason = serializers.CharField(source="entry.reason", help_text="Why not, for programs.")
    detail = serializers.CharField(source="entry.sentence", help_text="Why not, in French, to be shown as it stands.")


class EntryErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


def _error_response(description: str) -> OpenApiResponse:
    return OpenApiResponse(EntryErrorSerializer, description)


@require_policy(ApplicationTokenPolicy())
class EntryView(APIView):
    """`POST /api/application/v1/entry`."""

    authentication_classes = (ApplicationAuthentication,)
    permission_classes = (HasApplicationToken,)

    @extend_schema(
        operation_id="checkEntry",
        request=EntryRequestSerializer,
        responses={
            200: EntrySerializer,
            400: _error_response("`invalid_request`, `parse_error`"),
            401: _error_response("`not_authenticated`, `invalid_token`"),
            403: _error_response("`token_revoked`"),
            404: _error_response("`unknown_ticket`, `unknown_person`"),
            409: _error_response("`ticket_expired`"),
            413: _error_response("`body_too_large`"),
            429: _error_response("`throttled`: too many wrong tokens from this network; see `Retry-After`"),
            500: _error_response("`internal_error`"),
            503: _error_response("`service_unavailable`; see `Retry-After`"),
        },
    )
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Spend a ticket, or ask again about a person; answer whether they may enter now, as what, until when."""
        serializer = EntryRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        at = timezone.now()
        # A ticket is spent with its answer, or not at all.
        with transaction.atomic():
            person = _find_person(serializer.validated_data, at)
            answer = EntrySerializer({"person": person.name, "entry": person.check_entry(at)})
        # The answer may change at any moment.
        return Response(answer.data, headers={"Cache-Control": "no-store"})

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        """Return a handler that gives all errors the same form."""
        return _handle_exception


@sensitive_variables("query")
def _find_person(query: dict[str, str], at: datetime.datetime) -> tickets.ApplicationUser:
    if "ticket" in query:
        return tickets.spend(secret=query["ticket"], at=at)
    person = tickets.parse_person(query["person"])
    if person is None:
        raise entry_check.UnknownPerson("Ce nom n’est pas de ceux que le portail donne.")
    return person


_STATUSES = {"unknown_ticket": 404, "unknown_person": 404, "ticket_expired": 409}


def _handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, DomainError):
        return Response({"code": error.code, "detail": str(error)}, status=_STATUSES[error.code])
    response = exception_handler(error, context)
    if response is not None and isinstance(error, APIException):
        codes = error.get_codes()
        if isinstance(codes, str):
            response.data = {"code": codes, "detail": str(error.detail)}
        else:
            response.data = {"code": "invalid_request", "detail": " ".join(_flatten_errors(error.detail))}
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the response to an outage (503) or to a fault of ours (500): a page, or JSON for the application.

    A handler of 500: the exception is the one at hand.
    """
    if not request.path.startswith("/api/application/"):
        return outage.server_error(request)
    found = outage.find_outage(sys.exception())
    if found is None:
        return _build_failure("internal_error", _FAULT, 500)
    detail = _PERHAPS_SPENT if found.may_be_done else _UNAVAILABLE
    return outage.mark(_build_failure("service_unavailable", detail, 503), found)


def _build_failure(code: str, detail: str, status: int) -> JsonResponse:
    return JsonResponse(
        {"code": code, "detail": detail},
        status=status,
        headers={"Cache-Control": "no-store"},
        json_dumps_params={"ensure_ascii": False},
    )


def _flatten_errors(detail: Any) -> Iterator[str]:
    for field, errors in detail.items() if isinstance(detail, dict) else [("", detail)]:
        for sentence in errors:
            yield sentence if field in {"", NON_FIELD_ERRORS} else f"{field} : {sentence}"
