"""Lists: by cursor, which stays right while rows come and go; narrowed by parameters that are all known.

A cursor says after which row the page begins, in the order of a column that no two rows share. It is opaque to
programs, and a wrong one is refused.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django_filters import CharFilter, MultipleChoiceFilter
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.pagination import BasePagination
from rest_framework.response import Response

from api.problems import Fault, Invalid, Problem

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.views import APIView

#: Rows a page, unless `limit` says otherwise, and at most.
USUAL, MOST = 100, 500
_CURSOR, _LIMIT = "cursor", "limit"
_LONGEST = 200


class ByCursor(BasePagination):
    """Pages in the order of the view's `cursor_field`, unique; behind a `-`, downwards."""

    def paginate_queryset(  # type: ignore[override]  # lists of the API are queries
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Return the page's rows. Raises a `Problem` where the cursor or the limit is none."""
        written: str = getattr(view, "cursor_field", "-pk")
        self.field = written.removeprefix("-")
        self.request = request
        limit = _limit(request)
        model_field = queryset.model._meta.pk if self.field == "pk" else queryset.model._meta.get_field(self.field)  # noqa: SLF001 - Django's documented way
        ordered = queryset.order_by(written)
        if (cursor := request.query_params.get(_CURSOR)) is not None:
            comparison = "lt" if written.startswith("-") else "gt"
            ordered = ordered.filter(**{f"{self.field}__{comparison}": _after(cursor, model_field)})
        rows = list(ordered[: limit + 1])
        self.last = rows[limit - 1] if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        """Return the rows, and where the next page is."""
        return Response({"data": data, "next": self._next()})

    def _next(self) -> str | None:
        if self.last is None:
            return None
        query = self.request.query_params.copy()
        query[_CURSOR] = _cursor(getattr(self.last, self.field))
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Return how the description tells the parameters."""
        return [
            {
                "name": _CURSOR,
                "in": "query",
                "required": False,
                "description": "Où la page commence : suivez « next » plutôt que d'en écrire un.",
                "schema": {"type": "string", "maxLength": _LONGEST},
            },
            {
                "name": _LIMIT,
                "in": "query",
                "required": False,
                "description": "Nombre de lignes par page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
            },
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return how the description tells a page."""
        # For examples, drf-spectacular lays a placeholder in, and looks for it in what it is given back.
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


def _limit(request: Request) -> int:
    written = request.query_params.get(_LIMIT, str(USUAL))
    # `isdecimal` also takes figures of other scripts.
    number = int(written) if written.isascii() and written.isdecimal() and len(written) <= 3 else 0  # noqa: PLR2004 - « 500 »
    if not 1 <= number <= MOST:
        raise Invalid([Fault("invalid_limit", f"« limit » est un nombre de 1 à {MOST}.", _LIMIT)])
    return number


def _cursor(value: object) -> str:
    return base64.urlsafe_b64encode(str(value).encode()).decode().rstrip("=")


def _after(cursor: str, field: Any) -> Any:
    """Return the value that a cursor holds. Raises `Problem`."""
    # No page is there: nobody can tell a wrong cursor from a right one by what the description says.
    wrong = Problem("invalid_cursor", "Ce « cursor » n'est pas un de ceux que « next » donne.", status_code=404)
    if len(cursor) > _LONGEST or not cursor.isascii():
        raise wrong
    try:
        written = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        value = field.to_python(written)
        field.run_validators(value)
    except (ValueError, binascii.Error, ValidationError):
        raise wrong from None
    if "\x00" in written or _cursor(value) != cursor:
        raise wrong
    return value


class KnownFilters(DjangoFilterBackend):
    """The view's filterset; a parameter that neither it nor the pages know is refused, and so is a wrong value."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        """Return the rows that the parameters leave. Raises `Invalid`."""
        filterset = self.get_filterset(request, queryset, view)
        known = {_CURSOR, _LIMIT, *(filterset.filters if filterset is not None else ())}
        faults = [
            Fault("unknown_parameter", "Ce paramètre n'existe pas : voyez la description de l'adresse.", name)
            for name in request.query_params
            if name not in known
        ]
        for name, values in request.query_params.lists():
            asked = filterset.filters.get(name) if filterset is not None else None
            if len(values) > 1 and not isinstance(asked, MultipleChoiceFilter):
                faults.append(Fault("given_twice", "Ce paramètre ne se donne qu'une fois.", name))
            if "" in values and asked is not None and type(asked) is not CharFilter:
                faults.append(Fault("empty", "Donnez une valeur à ce paramètre, ou ne le donnez pas.", name))
        if filterset is not None and not filterset.is_valid():
            faults += [
                Fault(error["code"] or "invalid", error["message"], name)
                for name, errors in filterset.errors.get_json_data().items()
                for error in errors
            ]
        if faults:
            raise Invalid(faults)
        return filterset.qs if filterset is not None else queryset
