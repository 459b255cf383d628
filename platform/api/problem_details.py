"""Error responses as RFC 9457 problem details: `application/problem+json`, a stable `code`, a message in French.

`errors` lists the field, and the row of a list, of each error. A `DomainError` is a 409 unless the endpoint
sets another status.
"""

import http
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.text import slugify
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.settings import api_settings

from core.exceptions import DomainError
from core.registry import Registry
from web import outage

# The codes of the API's errors, declared by apps with what each means and what helps: the page that `type` links to.
#
# Texts only: the codes are raised where the rules are. A test collects the codes that the source can raise and fails if
# one is missing here.


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One error code. `status`: empty for codes found in `errors` and for rules, whose family states it."""

    code: str
    status: str
    meaning: str
    fix: str


@dataclass(frozen=True, slots=True)
class ErrorFamily:
    """Error codes of one topic."""

    title: str
    description: str

    @property
    def anchor(self) -> str:
        """Return the HTML id of the family. No error code has a hyphen, so ids cannot collide."""
        return f"famille-{slugify(self.title)}"

    @property
    def errors(self) -> list[ErrorCode]:
        """Return the codes that were declared of it."""
        return [error for family, error in _errors.values() if family == self]


_families: Registry[ErrorFamily] = Registry("family of error codes")
_errors: Registry[tuple[ErrorFamily, ErrorCode]] = Registry("error code")


def declare_family(title: str, description: str, *, rank: int) -> ErrorFamily:
    """Declare a family and return it; `rank`: its place. Raises `ImproperlyConfigured` where the title is taken."""
    family = ErrorFamily(title, description)
    _families.declare(title, family, rank=rank)
    return family


def declare_errors(family: ErrorFamily, *errors: ErrorCode) -> None:
    """Declare codes of a family. Raises `ImproperlyConfigured` where one is taken."""
    for error in errors:
        _errors.declare(error.code, (family, error))


def list_families() -> list[ErrorFamily]:
    """Return the families in the order of the page."""
    return list(_families.values())


_ASK_A_MANAGER = "Demandez un autre jeton à un gestionnaire du bureau (« API »)."
_READ_THE_OPERATION = "Comparez la requête à la page de l'opération, puis corrigez."

TOKENS = declare_family(
    "Le jeton",
    "La requête n'a pas été examinée.",
    rank=10,
)
declare_errors(
    TOKENS,
    ErrorCode("not_authenticated", "401", "La requête ne montre pas de jeton.",
              "Envoyez l'en-tête `Authorization: Bearer …`."),
    ErrorCode("invalid_token", "401", "Ce jeton n'est pas de ce bureau : mal copié, ou fait pour un autre.",
              "Vérifiez l'adresse du bureau et le jeton, en entier : il commence par `peps_api_`."),
    ErrorCode("token_revoked", "401", "Un gestionnaire a révoqué ce jeton.", _ASK_A_MANAGER),
    ErrorCode("token_expired", "401", "Le dernier jour du jeton est passé.", _ASK_A_MANAGER),
    ErrorCode("insufficient_scope", "403", "Le jeton n'a pas le droit que l'opération demande ; `detail` le nomme.",
              "Demandez un jeton qui a ce droit : ceux d'un jeton ne changent pas."),
    ErrorCode("network_not_allowed", "403", "Le jeton ne sert pas depuis cette adresse réseau.",
              "Appelez depuis un réseau autorisé, ou demandez un jeton pour celui-ci."),
    ErrorCode("permission_denied", "403", "Le jeton ne permet pas cela.", "Lisez `detail`."),
)  # fmt: skip

REQUESTS = declare_family(
    "La requête",
    "La requête n'a pas pu être comprise, ou n'a pas lieu d'être. Rien n'a été fait, sauf peut-être après une panne "
    "(500 et 503).",
    rank=20,
)
declare_errors(
    REQUESTS,
    ErrorCode("invalid_request", "400", "Un champ ou un paramètre ne convient pas : `errors` les nomme tous.",
              "Corrigez chacun ; son code est expliqué plus bas, sous « Champs et paramètres »."),
    ErrorCode("parse_error", "400", "Le corps n'est pas du JSON lisible : mal formé, pas en UTF-8, un nom y vient "
              "deux fois, ou plus de 32 niveaux y sont l'un dans l'autre.", "Envoyez du JSON (RFC 8259) en UTF-8."),
    ErrorCode("not_found", "404", "Rien à cette adresse, ou rien que votre collectivité puisse lire.",
              "Vérifiez l'adresse ; aucune ne finit par une barre oblique."),
    ErrorCode("invalid_cursor", "404", "Il n'y a pas de page à ce `cursor` : il n'est pas de ceux que `next` donne.",
              "Suivez l'adresse `next` telle quelle."),
    ErrorCode("method_not_allowed", "405", "L'adresse ne répond pas à cette méthode.",
              "L'en-tête `Allow` dit auxquelles elle répond."),
    ErrorCode("not_acceptable", "406", "L'API répond en JSON, que l'en-tête `Accept` exclut.",
              "Acceptez `application/json`."),
    ErrorCode("body_too_large", "413", "La requête dépasse la taille qui est lue.", "Partagez-la en plusieurs."),
    ErrorCode("unsupported_media_type", "415", "L'adresse ne lit pas ce type de contenu.",
              "Envoyez celui que la page de l'opération nomme, dans `Content-Type`."),
    ErrorCode("too_many_requests", "429", "Trop de requêtes dans la minute, ou trop de jetons faux depuis ce réseau.",
              "Attendez le nombre de secondes de `Retry-After`, puis recommencez."),
    ErrorCode("internal_error", "500", "Une panne de notre fait ; `detail` dit si la requête est peut-être faite.",
              "Renvoyez la requête avec la même `Idempotency-Key` ; si cela dure, prévenez-nous."),
    ErrorCode("service_unavailable", "503", "Le service ne répond pas ; `detail` dit si la requête est "
              "peut-être faite.",
              "Attendez le nombre de secondes de `Retry-After`, puis renvoyez la requête avec la même "
              "`Idempotency-Key` ; sans elle, vérifiez avant de recommencer."),
)  # fmt: skip

IDEMPOTENCY = declare_family(
    "Les clés d'idempotence",
    "Voyez [Recommencer sans rien faire deux fois](/api/v1/documentation/#idempotence).",
    rank=30,
)
declare_errors(
    IDEMPOTENCY,
    ErrorCode("invalid_idempotency_key", "400", "`Idempotency-Key` compte 1 à 255 caractères ASCII imprimables, sans "
              "espace.", "Un UUID convient."),
    ErrorCode("request_in_progress", "409", "Une requête de même clé est en cours.",
              "Attendez le nombre de secondes de `Retry-After`, puis renvoyez-la : vous aurez sa réponse."),
    ErrorCode("idempotency_key_reused", "422", "Cette clé a servi à une autre requête.",
              "Prenez une valeur neuve pour chaque opération."),
    ErrorCode("response_unavailable", "409", "La requête a été faite, mais sa réponse ne peut plus être relue.",
              "Lisez la situation avant de continuer ; ne la renvoyez pas sous une autre clé."),
)  # fmt: skip

FIELDS = declare_family(
    "Champs et paramètres",
    "Ces codes se lisent dans `errors`, sous un `invalid_request` : chacun avec son champ, et sa ligne dans une liste.",
    rank=40,
)
declare_errors(
    FIELDS,
    ErrorCode("unknown_field", "", "Le champ n'existe pas.", "Corrigez son nom : un champ inconnu n'est pas ignoré."),
    ErrorCode("unknown_parameter", "", "Le paramètre n'existe pas à cette adresse.",
              "Corrigez son nom : un paramètre inconnu n'est pas ignoré."),
    ErrorCode("invalid_limit", "", "`limit` est un nombre de 1 à 500.", "Envoyez-en un, ou aucun."),
    ErrorCode("duplicate_parameter", "", "Le paramètre est donné deux fois.", "Donnez-le une fois."),
    ErrorCode("required", "", "Le champ est obligatoire et manque.", "Envoyez-le."),
    ErrorCode("null", "", "Le champ ne peut pas être `null`.", "Envoyez une valeur, ou omettez-le s'il se peut."),
    ErrorCode("blank", "", "Le champ ne peut pas être vide.", "Envoyez un texte."),
    ErrorCode("invalid", "", "La valeur n'est pas de la forme attendue.", _READ_THE_OPERATION),
    ErrorCode("invalid_choice", "", "La valeur n'est pas de celles qui sont permises.", _READ_THE_OPERATION),
    ErrorCode("invalid_list", "", "Une liste de valeurs est attendue.", _READ_THE_OPERATION),
    ErrorCode("not_a_list", "", "Une liste est attendue.", _READ_THE_OPERATION),
    ErrorCode("not_a_dict", "", "Un objet est attendu.", _READ_THE_OPERATION),
    ErrorCode("empty", "", "Le paramètre, la liste ou le fichier est vide.", "Envoyez une valeur, ou rien."),
    ErrorCode("min_length", "", "Trop court, ou trop peu d'éléments.", _READ_THE_OPERATION),
    ErrorCode("max_length", "", "Trop long, ou trop d'éléments.", _READ_THE_OPERATION),
    ErrorCode("min_value", "", "Le nombre est trop petit.", _READ_THE_OPERATION),
    ErrorCode("max_value", "", "Le nombre est trop grand.", _READ_THE_OPERATION),
    ErrorCode("max_string_length", "", "Le nombre est écrit trop long.", _READ_THE_OPERATION),
    ErrorCode("date", "", "Un jour est attendu, et non un moment.", "Écrivez-le `2027-08-31`."),
    ErrorCode("datetime", "", "Un moment est attendu, et non un jour.", "Écrivez-le `2026-11-25T09:00:00Z`."),
    ErrorCode("make_aware", "", "Ce moment n'existe pas dans son fuseau.", "Écrivez-le en UTC, avec `Z`."),
    ErrorCode("overflow", "", "Ce moment est hors de ce qui se calcule.", "Vérifiez l'année."),
    ErrorCode("invalid_uai", "", "Le texte n'est pas un UAI.", "Envoyez sept chiffres et une lettre majuscule."),
    ErrorCode("address", "", "Une adresse web complète est attendue, sans espace ni accent.",
              "Écrivez-la comme `https://si.ville.example/peps`."),
    ErrorCode("no_name", "", "Le fichier n'a pas de nom.", "Donnez-lui en un, avec son extension."),
    ErrorCode("null_characters_not_allowed", "", "Le texte contient un caractère nul.", "Retirez-le."),
    ErrorCode("surrogate_characters_not_allowed", "", "Le texte contient la moitié d'un caractère.",
              "Envoyez de l'UTF-8 valable."),
)  # fmt: skip

#: Of families of rules.
A_RULE_REFUSES = (
    "La requête était juste, une règle s'y oppose : rien n'a été fait. Le statut est 409, ou 404 pour une absence."
)


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
        members: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the error. `members`: those that the operation declares beside the ones of every problem."""
        super().__init__(detail, code)
        self.code = code
        self.field_errors = tuple(field_errors)
        self.members = members or {}
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
        {
            **serialize_problem(problem.code, str(problem.detail), problem.status_code, problem.field_errors),
            **problem.members,
        },
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
