"""Cursor pagination of lists.

A cursor encodes the last value of a unique column, so pages stay consistent while rows are added or removed. It is
opaque to clients; an invalid one is an error.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.problem_details import ApiProblem, FieldError, InvalidRequest

#: Rows per page: without `limit`, and at most.
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 100, 500
CURSOR_PARAMETER, LIMIT_PARAMETER = "cursor", "limit"
_MAX_CURSOR_LENGTH = 200


class UniqueCursorPagination(BasePagination):
    """Cursor pagination by the view's `cursor_field`, a unique column; `-` for descending."""

    def paginate_queryset(  # type: ignore[override]  # API lists are querysets
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Return the rows of the page. Raises an `ApiProblem` for an invalid cursor or limit."""
        ordering: str = getattr(view, "cursor_field", "-pk")
        self.field = ordering.removeprefix("-")
        self.request = request
        limit = _parse_limit(request)
        model_field = queryset.model._meta.pk if self.field == "pk" else queryset.model._meta.get_field(self.field)  # noqa: SLF001 - Django's documented way
        ordered = queryset.order_by(ordering)
        if (cursor := request.query_params.get(CURSOR_PARAMETER)) is not None:
            comparison = "lt" if ordering.startswith("-") else "gt"
            ordered = ordered.filter(**{f"{self.field}__{comparison}": _decode_cursor(cursor, model_field)})
        rows = list(ordered[: limit + 1])
        self.last = rows[limit - 1] if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        """Return the rows and the URL of the next page."""
        return Response({"data": data, "next": self._next()})

    def _next(self) -> str | None:
        if self.last is None:
            return None
        query = self.request.query_params.copy()
        query[CURSOR_PARAMETER] = _encode_cursor(getattr(self.last, self.field))
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Return the OpenAPI parameters of the pagination."""
        return [
            {
                "name": CURSOR_PARAMETER,
                "in": "query",
                "required": False,
                "description": "Où la page commence : suivez « next » plutôt que d'en écrire un.",
                "schema": {"type": "string", "maxLength": _MAX_CURSOR_LENGTH},
            },
            {
                "name": LIMIT_PARAMETER,
                "in": "query",
                "required": False,
                "description": "Nombre de lignes par page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE},
            },
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the OpenAPI schema of a page."""
        # For examples drf-spectacular passes a placeholder object and looks for it in the result.
        rows = schema | {"description": "Les lignes de la page."} if isinstance(schema, dict) else schema
        return {
            "type": "object",
            "required": ["data", "next"],
            "properties": {
                "data": rows,
                "next": {
                    "type": ["string", "null"],
                    "format": "uri",
                    "description": "L'adresse de la page suivante ; null à la dernière.",
                    "example": None,
                },
            },
        }


def _parse_limit(request: Request) -> int:
    written = request.query_params.get(LIMIT_PARAMETER, str(DEFAULT_PAGE_SIZE))
    # `isdecimal` alone also accepts non-ASCII digits.
    number = int(written) if written.isascii() and written.isdecimal() and len(written) <= 3 else 0  # noqa: PLR2004 - « 500 »
    if not 1 <= number <= MAX_PAGE_SIZE:
        raise InvalidRequest(
            [FieldError("invalid_limit", f"« limit » est un nombre de 1 à {MAX_PAGE_SIZE}.", LIMIT_PARAMETER)]
        )
    return number


def _encode_cursor(value: object) -> str:
    return base64.urlsafe_b64encode(str(value).encode()).decode().rstrip("=")


def _decode_cursor(cursor: str, field: Any) -> Any:
    """Decode a cursor into the column's value. Raises `ApiProblem`."""
    # 404 and not 400: the OpenAPI document cannot express which cursors are valid.
    invalid = ApiProblem("invalid_cursor", "Ce « cursor » n'est pas un de ceux que « next » donne.", status_code=404)
    if len(cursor) > _MAX_CURSOR_LENGTH or not cursor.isascii():
        raise invalid
    try:
        written = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        value = field.to_python(written)
        field.run_validators(value)
    except (ValueError, binascii.Error, ValidationError):
        raise invalid from None
    if "\x00" in written or _encode_cursor(value) != cursor:
        raise invalid
    return value
