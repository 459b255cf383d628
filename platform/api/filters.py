"""Filters and pages of lists."""

import base64
import binascii
import datetime
import re
from collections.abc import Callable
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.drainage import set_override
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.fields import MAX_INTEGER
from api.problem_details import ApiProblem, FieldError, InvalidRequest
from core.foreign_values import YEAR_PATTERN, check_moment

# Cursor pagination of lists.
#
# A cursor encodes the last value of a unique column, so pages stay consistent while rows are added or removed. It is
# opaque to clients; an invalid one is an error.

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


_DIGITS = re.compile(r"[0-9]{1,10}")


class _ParsedFormField(forms.CharField):
    """A text that `parse` reads; None is no such value, and `sentence` says what is."""

    parse: Callable[[str], Any]
    sentence: str

    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        parsed = self.parse(value)
        if parsed is None:
            raise ValidationError(self.sentence, code="invalid")
        return parsed

    def run_validators(self, value: Any) -> None:
        """Accept what `to_python` returned: CharField's validators expect a string."""


# Django's widget reads « 2 » as true and unknown values as None.
class _StrictBooleanFormField(_ParsedFormField):
    parse = staticmethod({"true": True, "false": False}.get)
    sentence = "« true » ou « false » est attendu."


class StrictBooleanFilter(django_filters.BooleanFilter):
    """`true` or `false`."""

    field_class = _StrictBooleanFormField


def _parse_integer(text: str) -> int | None:
    return int(text) if _DIGITS.fullmatch(text) and int(text) <= MAX_INTEGER else None


class _StrictIntegerFormField(_ParsedFormField):
    parse = staticmethod(_parse_integer)
    sentence = "Un nombre entier est attendu."


class StrictNumberFilter(django_filters.NumberFilter):
    """A non-negative integer, such as a primary key; `help_text` is its description in the OpenAPI document."""

    field_class = _StrictIntegerFormField

    def __init__(self, field_name: str | None = None, *, help_text: str, **kwargs: Any) -> None:
        super().__init__(field_name, help_text=help_text, **kwargs)
        schema = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER, "description": help_text}
        set_override(self, "field", schema)


def _parse_moment(text: str) -> datetime.datetime | None:
    try:
        moment = parse_datetime(text)
        return None if moment is None else check_moment(moment)
    except ValueError:
        return None


class _StrictDateTimeFormField(_ParsedFormField):
    parse = staticmethod(_parse_moment)
    sentence = "Une date et une heure sont attendues, avec leur fuseau : 2026-11-25T09:00:00Z."


class StrictDateTimeFilter(django_filters.IsoDateTimeFilter):
    """An ISO 8601 date and time with a time zone; `help_text` is its description in the OpenAPI document."""

    field_class = _StrictDateTimeFormField

    def __init__(self, field_name: str | None = None, *, help_text: str, **kwargs: Any) -> None:
        super().__init__(field_name, help_text=help_text, **kwargs)
        schema = {"type": "string", "format": "date-time", "pattern": YEAR_PATTERN, "description": help_text}
        set_override(self, "field", schema)


def read_integer(request: Request, name: str) -> int | None:
    """Return the non-negative integer of a query parameter; None where it is not given. Raises `InvalidRequest`."""
    values = request.query_params.getlist(name)
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequest([FieldError("duplicate_parameter", "Ce paramètre ne se donne qu'une fois.", name)])
    if not values[0]:
        raise InvalidRequest([FieldError("empty", "Donnez une valeur à ce paramètre, ou ne le donnez pas.", name)])
    try:
        number: int = _StrictIntegerFormField().to_python(values[0])
    except ValidationError as error:
        raise InvalidRequest([FieldError("invalid", error.messages[0], name)]) from None
    return number


class StrictFilterBackend(DjangoFilterBackend):
    """Applies the view's filterset; rejects unknown, repeated, empty and invalid parameters."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        """Return the filtered rows. Raises `InvalidRequest`."""
        filterset = self.get_filterset(request, queryset, view)
        known = {CURSOR_PARAMETER, LIMIT_PARAMETER, *(filterset.filters if filterset is not None else ())}
        field_errors = [
            FieldError("unknown_parameter", "Ce paramètre n'existe pas : voyez la description de l'adresse.", name)
            for name in request.query_params
            if name not in known
        ]
        for name, values in request.query_params.lists():
            parameter_filter = filterset.filters.get(name) if filterset is not None else None
            if len(values) > 1 and not isinstance(parameter_filter, django_filters.MultipleChoiceFilter):
                field_errors.append(FieldError("duplicate_parameter", "Ce paramètre ne se donne qu'une fois.", name))
            if (
                "" in values
                and parameter_filter is not None
                and type(parameter_filter) is not django_filters.CharFilter
            ):
                field_errors.append(FieldError("empty", "Donnez une valeur à ce paramètre, ou ne le donnez pas.", name))
        if filterset is not None and not filterset.is_valid():
            field_errors += [
                FieldError(error["code"] or "invalid", error["message"], name)
                for name, errors in filterset.errors.get_json_data().items()
                for error in errors
            ]
        if field_errors:
            raise InvalidRequest(field_errors)
        return filterset.qs if filterset is not None else queryset
