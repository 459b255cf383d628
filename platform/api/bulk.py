"""Bulk input: lists of up to 10,000 rows or ids, with each error located by its row.

Rows that pass a cheap check skip the serializer; only the others go through it, to collect their errors.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from api.fields import MAX_INTEGER, StrictIntegerField

#: Rows per request.
MAX_ROWS = 10_000


class FastPathSerializer(Protocol):
    """A row serializer with a cheap check for rows that need no validation."""

    def is_valid_as_is(self, row: Any) -> bool:
        """Whether the serializer would return this row unchanged."""


class BulkRowsSerializer(serializers.ListSerializer[Any]):
    """A list of 1 to 10,000 objects; the child implements `FastPathSerializer`."""

    def __init__(self, *, child: serializers.Serializer[Any], **kwargs: Any) -> None:
        super().__init__(child=child, allow_empty=False, max_length=MAX_ROWS, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Return the rows. Raises `ValidationError` with the errors by row index."""
        if not isinstance(data, list) or not 1 <= len(data) <= MAX_ROWS:
            return super().to_internal_value(data)
        child = cast("serializers.Serializer[Any]", self.child)
        is_valid_as_is = cast("FastPathSerializer", child).is_valid_as_is
        rows: list[Any] = []
        errors: dict[Any, Any] = {}
        for index, row in enumerate(data):
            if is_valid_as_is(row):
                rows.append(row)
                continue
            try:
                rows.append(child.run_validation(row))
            except serializers.ValidationError as error:
                errors[index] = error.detail
        if errors:
            raise serializers.ValidationError(errors)
        return rows


class BulkIdsField(serializers.ListField):
    """A list of 1 to 10,000 primary keys."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=StrictIntegerField(min_value=1), allow_empty=False, max_length=MAX_ROWS, **kwargs)

    def to_internal_value(self, data: Any) -> list[int]:
        """Return the ids. Raises `ValidationError` with the errors by index."""
        if isinstance(data, list) and 1 <= len(data) <= MAX_ROWS and all(_is_valid_id(number) for number in data):
            return data
        return super().to_internal_value(data)


def _is_valid_id(number: Any) -> bool:
    return type(number) is int and 1 <= number <= MAX_INTEGER


class BulkRowsExtension(OpenApiSerializerFieldExtension):
    target_class = BulkRowsSerializer

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return the OpenAPI schema of the field."""
        return _array_schema(auto_schema.resolve_serializer(self.target.child, direction).ref)


class BulkIdsExtension(OpenApiSerializerFieldExtension):
    target_class = BulkIdsField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return the OpenAPI schema of the field."""
        return _array_schema({"type": "integer", "minimum": 1, "maximum": MAX_INTEGER})


def _array_schema(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": MAX_ROWS}
