"""Viewsets of the API: each method declares its address and its description, which `api.schema` reads."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Concatenate, cast

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from drf_spectacular.utils import OpenApiParameter
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from api.fields import EmptySerializer
from api.filters import StrictFilterBackend, UniqueCursorPagination
from api.idempotency import idempotent
from api.models import Token, TokenScope
from api.problem_details import ApiProblem, FieldError, InvalidRequest
from api.schema import ApiAutoSchema, Operation
from api.views import ApiView

_NO_PARAMETERS = "Cette adresse ne prend pas de paramètre."


class HasScope(BasePermission):
    """Checks that the token has the scope of the operation."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises an `ApiProblem` that names the missing scope."""
        required_scope = cast("ApiViewSet", view).required_scope
        if required_scope is not None and required_scope.value not in cast("Token", request.auth).scopes:
            raise ApiProblem(
                "insufficient_scope",
                f"Ce jeton n'a pas le droit « {required_scope.label} » ({required_scope.value}).",
                status_code=403,
            )
        return True


class ApiViewSet(ViewSetMixin, ApiView, GenericAPIView[Any]):
    """The operations on one resource: at most one list, and others beside it."""

    schema = ApiAutoSchema()
    permission_classes = (HasScope,)
    pagination_class = UniqueCursorPagination
    filter_backends = (StrictFilterBackend,)
    #: The unique column that the list is sorted by; `-` for descending.
    cursor_field: ClassVar[str] = "-pk"
    #: OpenAPI tag: the page of the documentation.
    tag: ClassVar[str]
    read_scope: ClassVar[TokenScope] = TokenScope.READ
    write_scope: ClassVar[TokenScope]
    #: Examples of responses by title, for operations that declare none.
    examples: ClassVar[Mapping[str, Any]] = {}
    #: Exceptions of operations that mean an absence: a 404.
    absences: ClassVar[tuple[type[Exception], ...]] = ()

    @classmethod
    def iter_operations(cls) -> Iterator[tuple[str, Operation]]:
        """Yield the name of each method that is an operation, and its declaration."""
        for name, member in vars(cls).items():
            if isinstance(declared := getattr(member, "operation", None), Operation):
                yield name, declared

    @property
    def operation(self) -> Operation | None:
        """Return the operation that is asked for; None where the address does not support the method."""
        return getattr(getattr(self, str(self.action), None), "operation", None)

    @property
    def allowed_methods(self) -> list[str]:
        """Return the HTTP methods of the address."""
        return [method.upper() for method in self.action_map or ()]

    @property
    def required_scope(self) -> TokenScope | None:
        """Return the scope of the operation; None where the method is not supported."""
        if self.operation is None:
            return None
        return self.read_scope if self.operation.method == "GET" else self.write_scope

    def check_query(self, request: Request) -> None:
        """Raise `InvalidRequest` for an unknown query parameter; the filters of a list check theirs."""
        if self.operation is None or self.operation.is_list:
            return
        known = self.operation.query_parameters
        sentence = "Ce paramètre n'existe pas : voyez la description de l'adresse." if known else _NO_PARAMETERS
        errors = [FieldError("unknown_parameter", sentence, name) for name in request.query_params if name not in known]
        if errors:
            raise InvalidRequest(errors)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """Return the serializer of what the operation returns."""
        declared = self.operation and self.operation.response
        return declared or super().get_serializer_class()

    def list_response(self) -> Response:
        """Return the requested page."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def handle_exception(self, exc: Exception) -> Response:
        """Return the problem details of a known exception; re-raise any other."""
        return super().handle_exception(Http404() if isinstance(exc, self.absences) else exc)

    def find(self, **lookup: Any) -> Any:
        """Return the object of the queryset that matches the lookup. Raises `Http404`."""
        return get_object_or_404(self.get_queryset(), **lookup)

    def read_body(self) -> dict[str, Any]:
        """Return the validated body. Raises `ValidationError`."""
        body = cast("type[BaseSerializer[Any]]", cast("Operation", self.operation).body)(data=self.request.data)
        body.is_valid(raise_exception=True)
        return cast("dict[str, Any]", body.validated_data)

    def respond(self, result: Any, status: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
        """Return the response; an object is serialized, a dictionary is sent as it is."""
        declared = cast("Operation", self.operation)
        if status is None:
            status = declared.status
        if status == HTTPStatus.NO_CONTENT:
            return Response(status=status)
        data = result if isinstance(result, dict) else self.get_serializer_class()(result).data
        return Response(data, status=status, headers=headers)

    def respond_created(self, result: Any, url_name: str, **kwargs: object) -> Response:
        """Return a 201 with its `Location`."""
        location = reverse(f"api:{url_name}", kwargs=kwargs, request=self.request)
        return self.respond(result, 201, {"Location": location})


def operation[View: ApiViewSet, **P](
    route: str,
    url_name: str,
    operation_id: str,
    summary: str,
    *,
    parameters: Sequence[OpenApiParameter] = (),
    is_list: bool = False,
) -> Callable[[Callable[Concatenate[View, P], object]], Callable[..., HttpResponseBase]]:
    """Declare a method of a viewset as an operation; `route`: `POST pools/<int:pk>`.

    Its docstring is the description; what it returns is the response, or makes it (`respond`). Every POST is
    idempotent. `parameters` describes those of the path or the query; `listing` sets `is_list`. `sends`, `answers`,
    `refuses` and `refuses_rows` stand below it.
    """
    method, _, address = route.partition(" ")
    defaults = {"body": EmptySerializer} if method == "POST" else {}

    def decorate(function: Callable[Concatenate[View, P], object]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(function)
        def handler(view: View, _request: Request, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            result = function(view, *args, **kwargs)
            return result if isinstance(result, HttpResponseBase) else view.respond(result)

        decorated: Any = idempotent(handler) if method == "POST" else handler
        declared = defaults | getattr(function, "declared", {})
        decorated.operation = Operation(
            method=method,
            path=address,
            url_name=url_name,
            operation_id=operation_id,
            summary=summary,
            parameters=parameters,
            is_list=is_list,
            **declared,
        )
        return cast("Callable[..., HttpResponseBase]", decorated)

    return decorate


def _declare[F: Callable[..., object]](**options: Any) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        function.declared = getattr(function, "declared", {}) | options  # type: ignore[attr-defined]
        return function

    return decorate


def sends[F: Callable[..., object]](body: type[BaseSerializer[Any]], examples: Mapping[str, Any]) -> Callable[[F], F]:
    """Declare the body of an operation, with examples by title."""
    return _declare(body=body, body_examples=examples)


def answers[F: Callable[..., object]](
    response: type[BaseSerializer[Any]] | None = None,
    examples: Mapping[str, Any] | None = None,
    *,
    success: Mapping[int, str] | None = None,
) -> Callable[[F], F]:
    """Declare what is answered, with examples by title, where they are not the viewset's; and the statuses."""
    return _declare(response=response, response_examples=examples, success=success or {200: ""})


def refuses[F: Callable[..., object]](*errors: str, refusal: type[Serializer[Any]] | None = None) -> Callable[[F], F]:
    """Declare the codes of the refusals; what follows a space is a remark on the code. `refusal`: of their body."""
    return _declare(errors=errors, refusal=refusal)


def refuses_rows[F: Callable[..., object]](*errors: str) -> Callable[[F], F]:
    """Declare the codes that a row of a list may be refused with."""
    return _declare(row_errors=errors)


def listing[View: ApiViewSet, **P](
    address: str, url_name: str, operation_id: str, summary: str
) -> Callable[[Callable[Concatenate[View, P], object]], Callable[..., HttpResponseBase]]:
    """Declare a method as the list of the viewset's `queryset`, by pages and filtered by its `filterset_class`."""
    return operation(f"GET {address}", url_name, operation_id, summary, is_list=True)


def build_urls(*viewsets: type[ApiViewSet]) -> list[URLPattern]:
    """Return the URL patterns of the operations; at one place of a path, a word comes before a parameter."""
    patterns: list[URLPattern] = []
    for viewset in viewsets:
        addresses: dict[tuple[str, str], dict[str, Any]] = {}
        for name, declared in viewset.iter_operations():
            addresses.setdefault((declared.path, declared.url_name), {})[declared.method.lower()] = name
        patterns += [
            path(address, viewset.as_view(actions), name=url_name) for (address, url_name), actions in addresses.items()
        ]
    return sorted(patterns, key=lambda pattern: str(pattern.pattern).replace("<", "~"))
