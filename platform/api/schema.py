"""OpenAPI 3.1 generation: adds what all endpoints have in common to drf-spectacular's output.

What is particular to an operation is in its `Operation`. Error responses, rate limit headers, idempotency and
conditional requests are added here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

from django.core.validators import RegexValidator
from drf_spectacular.contrib.django_filters import DjangoFilterExtension
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.serializers import BaseSerializer

from api.fields import StrictCharField, StrictSerializer, shadowing_field
from api.idempotency import KEY_HEADER, REPLAYED_HEADER, UNSTORED_STATUSES
from api.parsers import MAX_PARAMETER_LENGTH
from api.problem_details import CONTENT_TYPE
from api.tokens import BearerTokenAuthentication


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One HTTP method of one address, as declared by `operation` or `listing`."""

    method: str
    path: str
    url_name: str
    operation_id: str
    summary: str
    #: What is sent; a POST sends an empty object at least.
    body: type[BaseSerializer[Any]] | None = None
    #: What is returned; None: the viewset's `serializer_class`.
    response: type[BaseSerializer[Any]] | None = None
    #: Successful statuses, each with its description or an empty text; the first is that of what the method returns.
    success: Mapping[int, str] = field(default_factory=lambda: {200: ""})
    #: Examples of the body, and of the response (None: the viewset's), by title.
    body_examples: Mapping[str, Any] = field(default_factory=dict)
    response_examples: Mapping[str, Any] | None = None
    #: Descriptions of parameters, of the path or the query.
    parameters: Sequence[OpenApiParameter] = ()
    #: Codes of the refusals, of the whole or of one row.
    errors: Sequence[str] = ()
    row_errors: Sequence[str] = ()
    #: The body of its 409, where that holds more than other problems; a `ProblemSerializer`.
    refusal: type[serializers.Serializer[Any]] | None = None
    is_list: bool = False

    @property
    def status(self) -> int:
        """Return the HTTP status of what the method returns."""
        return next(iter(self.success))

    @property
    def query_parameters(self) -> frozenset[str]:
        """Return the names of the query parameters, without those of a list."""
        return frozenset(one.name for one in self.parameters if one.location == OpenApiParameter.QUERY)

    def describe_errors(self) -> str:
        """Return the sentence on the codes of the refusals; empty where none is declared."""
        lists = {"Refus (409)": self.errors, "Codes d'une ligne refusée": self.row_errors}
        return " ".join(f"{label} : {', '.join(map(_write_code, codes))}." for label, codes in lists.items() if codes)


def _write_code(error: str) -> str:
    code, _, remark = error.partition(" ")
    return f"`{code}` {remark}".rstrip()


class FieldErrorSerializer(serializers.Serializer[Any]):
    """Une erreur précise de la requête."""

    code = serializers.CharField(help_text="Stable, pour les programmes.")
    detail = serializers.CharField(help_text="La phrase, en français.")
    field = serializers.CharField(required=False, help_text="Le champ ou le paramètre, s'il y en a un.")
    row = serializers.IntegerField(required=False, help_text="Sa place dans la liste envoyée, à partir de 0.")


class ProblemSerializer(serializers.Serializer[Any]):
    """Un refus, dans la forme de la RFC 9457 : rien n'a été fait, sauf peut-être après une panne (500 et 503)."""

    type = serializers.CharField(help_text="L'adresse de la page qui explique le code.")
    title = serializers.CharField(help_text="Le nom du statut HTTP.")
    status = serializers.IntegerField(help_text="Le statut HTTP.")
    code = serializers.CharField(help_text="Stable, pour les programmes.")
    detail = serializers.CharField(help_text="La phrase à montrer à une personne, en français.")
    errors = shadowing_field(FieldErrorSerializer(many=True, help_text="Chaque erreur, avec son champ et sa ligne."))


_HEADERS = {
    "RateLimit-Policy": {
        "description": 'Le nombre de requêtes par fenêtre : `"minute";q=600;w=60`.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'Ce qu\'il en reste, et dans combien de secondes la fenêtre se rouvre : `"minute";r=598;t=41`.',
        "schema": {"type": "string"},
    },
}
#: PostgreSQL's `text` cannot hold NUL.
_NO_NUL_PATTERN = r"^[^\x00]*$"
_RETRY = {
    "Retry-After": {"description": "Secondes à attendre avant de recommencer.", "schema": {"type": "integer"}},
}
_ETAG = {"ETag": {"description": "À renvoyer dans « If-None-Match ».", "schema": {"type": "string"}}}
_LOCATION = {
    "Location": {"description": "L'adresse de ce qui a été créé.", "schema": {"type": "string", "format": "uri"}}
}
_REPLAYED = {
    REPLAYED_HEADER: {
        "description": "« true » : la requête avait déjà été faite, ceci en est la première réponse.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}

_ERROR_DESCRIPTIONS = {
    "400": "La requête n'est pas comprise : « errors » dit pourquoi.",
    "401": "Le jeton manque ou ne vaut rien : `not_authenticated`, `invalid_token`, `token_revoked`, `token_expired`.",
    "403": "Le jeton ne le permet pas : `insufficient_scope`, `network_not_allowed`.",
    "404": "Rien de tel dans votre collectivité : `not_found` ; ou pas de page à ce curseur : `invalid_cursor`.",
    "406": "L'en-tête « Accept » exclut le JSON, seul format des réponses : `not_acceptable`.",
    "409": "Une règle s'y oppose, rien n'a été fait : « code » dit laquelle. Sous une « Idempotency-Key », "
    "`request_in_progress` : la même requête est en cours.",
    "413": "La requête est trop grande : `body_too_large`.",
    "415": "Ce type de contenu n'est pas lu ici : `unsupported_media_type`.",
    "422": "L'« Idempotency-Key » a servi à une autre requête : `idempotency_key_reused`.",
    "429": "Trop de requêtes dans la minute : `too_many_requests`.",
    "503": "Le service ne répond pas : `service_unavailable`. « detail » dit si la requête est peut-être "
    "faite ; renvoyez-la sous la même « Idempotency-Key ».",
}


#: Default descriptions of successful responses.
_SUCCESS_DESCRIPTIONS = {
    "200": "Ce qui était demandé.",
    "201": "Fait.",
    "202": "Reçu : la suite se fait.",
    "204": "Fait.",
}


#: Default description of path parameters.
_PATH_PARAMETER_DESCRIPTION = "Le numéro de ce que l'adresse nomme."


def deduplicate_types(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Remove duplicates from `type` lists: drf-spectacular repeats « null » in some, which is not valid."""
    parts: list[Any] = [result]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            kinds = part.get("type")
            if isinstance(kinds, list):
                part["type"] = list(dict.fromkeys(kinds))
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)
    return result


class ApiAutoSchema(AutoSchema):
    """Adds to each operation what all endpoints have in common."""

    view: Any

    @property
    def _declared(self) -> Operation:
        return cast("Operation", self.view.operation)

    def get_operation_id(self) -> str:
        """Return the declared id."""
        return self._declared.operation_id

    def get_summary(self) -> str | None:
        """Return the declared summary."""
        return self._declared.summary

    def get_description(self) -> str:  # type: ignore[override]  # as the library has it, unlike the framework
        """Return the docstring of the method, and the codes of its refusals."""
        return "\n\n".join(filter(None, (super().get_description(), self._declared.describe_errors())))

    def get_tags(self) -> list[str]:
        """Return the tag of the viewset."""
        return [self.view.tag]

    def get_override_parameters(self) -> list[Any]:
        """Return the declared parameters."""
        return list(self._declared.parameters)

    def get_request_serializer(self) -> Any:
        """Return the serializer of the body."""
        return self._declared.body

    def get_response_serializers(self) -> Any:
        """Return the serializer of each successful status, with its description."""
        serializer = self.view.get_serializer_class()
        responses: dict[Any, OpenApiResponse] = {
            status: OpenApiResponse(None if status == HTTPStatus.NO_CONTENT else serializer, description)
            for status, description in self._declared.success.items()
        }
        if self.method == "GET" and self._declared.errors:
            refusal = OpenApiResponse(ProblemSerializer, "Une règle s'y oppose : « code » dit laquelle.")
            responses[409, CONTENT_TYPE] = refusal
        return responses

    def get_examples(self) -> list[OpenApiExample]:
        """Return the examples of the body and of the response."""
        body_examples, response_examples = self._declared.body_examples, self._declared.response_examples
        if response_examples is None:
            response_examples = self.view.examples
        statuses = list(self._declared.success)
        return [
            *(
                OpenApiExample(title, value, request_only=True, media_type=self.map_parsers()[0])
                for title, value in body_examples.items()
            ),
            *(
                OpenApiExample(title, value, response_only=True, status_codes=statuses)
                for title, value in response_examples.items()
            ),
        ]

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        """Return the OpenAPI operation; None if it is excluded."""
        operation: dict[str, Any] | None = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        scope = self.view.required_scope
        operation["x-scope"] = scope.value
        scope_note = f"**Droit** : `{scope.value}` ({scope.label.lower()})."
        operation["description"] = f"{operation.get('description', '').rstrip()}\n\n{scope_note}".strip()
        operation.setdefault("parameters", []).extend(self._header_parameters())
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                parameter["description"] = parameter.get("description") or _PATH_PARAMETER_DESCRIPTION
            if parameter["in"] == "query" and parameter["schema"].keys() <= {"type", "maxLength"}:
                _forbid_nul(parameter["schema"])
                if parameter["schema"].get("type") == "string":
                    parameter["schema"].setdefault("maxLength", MAX_PARAMETER_LENGTH)
        operation["responses"] = self._with_common_responses(operation["responses"])
        return operation

    def _with_common_responses(self, responses: dict[str, Any]) -> dict[str, Any]:
        """Return the responses with the common headers, error responses and 304."""
        problem = self.resolve_serializer(ProblemSerializer, "response").ref
        refusal = self.resolve_serializer(self._declared.refusal or ProblemSerializer, "response").ref
        for status, response in responses.items():
            response.setdefault("headers", {}).update(_HEADERS)
            response["description"] = response.get("description") or _SUCCESS_DESCRIPTIONS.get(status, "")
        for status, description in self._error_responses():
            error_response = responses.setdefault(status, {"description": description})
            error_response.setdefault("description", description)
            error_response["content"] = {CONTENT_TYPE: {"schema": refusal if status == "409" else problem}}
            error_response["headers"] = _HEADERS if status not in ("409", "429", "503") else _HEADERS | _RETRY
        if "201" in responses:
            responses["201"]["headers"] |= _LOCATION
        if self.method == "GET":
            responses["200"]["headers"] = responses["200"]["headers"] | _ETAG
            responses["304"] = {"description": "Rien n'a changé depuis l'« ETag » montré.", "headers": _HEADERS | _ETAG}
        if self.method == "POST":
            for status, response in responses.items():
                if int(status) not in UNSTORED_STATUSES:
                    response["headers"] = response["headers"] | _REPLAYED
        return dict(sorted(responses.items()))

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        parent: Any = super()
        schema: dict[str, Any] = parent._map_basic_serializer(serializer, direction)  # noqa: SLF001 - the library's hook
        if isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> Any:  # noqa: FBT001, FBT002 - the library's own
        parent: Any = super()
        schema = parent._map_serializer_field(field, direction, bypass_extensions)  # noqa: SLF001 - the library's hook
        if isinstance(field, serializers.ListField | serializers.ListSerializer) and schema.get("type") == "array":
            # drf-spectacular sets the length bounds of some lists only.
            if not field.allow_empty:
                schema["minItems"] = 1
            if (max_items := getattr(field, "max_length", None)) is not None:
                schema["maxItems"] = max_items
        return schema

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        parent: Any = super()
        parent._insert_field_validators(field, schema)  # noqa: SLF001 - the library's hook
        if "oneOf" in schema and schema["oneOf"][0].get("pattern") == _NO_NUL_PATTERN:
            # drf-spectacular emits `oneOf` [text, empty] for optional texts; an empty value would match both.
            schema.update(schema.pop("oneOf")[0])

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self._declared.is_list

    def _header_parameters(self) -> Iterator[dict[str, Any]]:
        if self.method == "POST":
            yield {
                "name": KEY_HEADER,
                "in": "header",
                "required": False,
                "description": "Une valeur neuve par opération (un UUID) : envoyée de nouveau avec la même requête, "
                "elle rend la même réponse pendant 7 jours au moins, et rien n'est fait deux fois. Elle vaut "
                "pour ce jeton.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        if self.method == "GET":
            yield {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "L'« ETag » d'une réponse précédente : rien n'est renvoyé tant qu'elle vaut encore.",
                "schema": {"type": "string"},
            }

    def _error_responses(self) -> Iterator[tuple[str, str]]:
        """Yield status and description of each error response that this kind of endpoint can give."""
        has_body = self.method in ("POST", "PUT", "PATCH")
        is_read, declared = self.method == "GET", self._declared
        # What a read gives may be named by a parameter, and not exist.
        names_a_thing = "{" in self.path or declared.is_list or (is_read and bool(declared.query_parameters))
        for status, description in _ERROR_DESCRIPTIONS.items():
            if (
                (status == "404" and not names_a_thing)
                or (status == "409" and is_read)
                or (status in ("413", "415") and not has_body)
                or (status == "422" and self.method != "POST")
            ):
                continue
            yield status, description


def _forbid_nul(schema: dict[str, Any]) -> None:
    if schema.get("type") == "string":
        schema["pattern"] = _NO_NUL_PATTERN


class StrictFilterExtension(DjangoFilterExtension):
    """Adds `maxLength` to query parameters, which drf-spectacular omits."""

    target_class = "api.filters.StrictFilterBackend"
    priority = 1

    def resolve_filter_field(
        self, auto_schema: AutoSchema, model: Any, filterset_class: Any, field_name: str, filter_field: Any
    ) -> list[dict[str, Any]]:
        """Return the OpenAPI parameters of the filter."""
        parent: Any = super()
        parameters: list[dict[str, Any]] = parent.resolve_filter_field(
            auto_schema, model, filterset_class, field_name, filter_field
        )
        if (max_length := filter_field.extra.get("max_length")) is not None:
            for parameter in parameters:
                parameter["schema"]["maxLength"] = max_length
        return parameters


class StrictCharFieldExtension(OpenApiSerializerFieldExtension):
    """Adds a pattern without NUL to text fields."""

    target_class = StrictCharField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """Return the OpenAPI schema of the field."""
        schema: dict[str, Any] = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # noqa: SLF001 - as the library's own extensions do
        if isinstance(schema["type"], list):
            # drf-spectacular adds « null » to the returned schema itself.
            schema["type"] = "string"
        # The pattern of a field's own RegexValidator is only added where the schema has none.
        has_own_pattern = any(isinstance(validator, RegexValidator) for validator in self.target.validators)
        if not has_own_pattern and "pattern" not in schema and "format" not in schema:
            _forbid_nul(schema)
        return schema


class TokenSchemeExtension(OpenApiAuthenticationExtension):
    """OpenAPI security scheme of the API tokens."""

    target_class = BearerTokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme object."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "Un jeton du bureau (« Réglages » → « API »), montré une seule fois à qui le crée.",
        }
