"""Lists that are sent by the thousand: each fault with its row, and no more work than a row needs.

A row that is plainly right is taken as it stands; any other goes through its serializer, which says what is wrong.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from api.fields import MOST as LARGEST
from api.fields import Whole

#: Rows a request.
MOST = 10_000


class Plain(Protocol):
    """A row's serializer that tells what needs no looking through."""

    def is_plain(self, row: Any) -> bool:
        """Whether the serializer would return this row just as it is."""


class Rows(serializers.ListSerializer[Any]):
    """One to ten thousand objects; the child is a `Plain` serializer."""

    def __init__(self, *, child: serializers.Serializer[Any], **kwargs: Any) -> None:
        super().__init__(child=child, allow_empty=False, max_length=MOST, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Return the rows. Raises `ValidationError` with what is wrong in each, by its place."""
        if not isinstance(data, list) or not 1 <= len(data) <= MOST:
            return super().to_internal_value(data)
        child = cast("serializers.Serializer[Any]", self.child)
        is_plain = cast("Plain", child).is_plain
        found: list[Any] = []
        wrong: dict[Any, Any] = {}
        for place, row in enumerate(data):
            if is_plain(row):
                found.append(row)
                continue
            try:
                found.append(child.run_validation(row))
            except serializers.ValidationError as error:
                wrong[place] = error.detail
        if wrong:
            raise serializers.ValidationError(wrong)
        return found


class Numbers(serializers.ListField):
    """One to ten thousand numbers of things."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=Whole(min_value=1), allow_empty=False, max_length=MOST, **kwargs)

    def to_internal_value(self, data: Any) -> list[int]:
        """Return the numbers. Raises `ValidationError` with what is wrong in each, by its place."""
        if isinstance(data, list) and 1 <= len(data) <= MOST and all(_is_plain(number) for number in data):
            return data
        return super().to_internal_value(data)


def _is_plain(number: Any) -> bool:
    return type(number) is int and 1 <= number <= LARGEST


class RowsInSchema(OpenApiSerializerFieldExtension):
    target_class = Rows

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return how the description tells it."""
        return _many(auto_schema.resolve_serializer(self.target.child, direction).ref)


class NumbersInSchema(OpenApiSerializerFieldExtension):
    target_class = Numbers

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return how the description tells it."""
        return _many({"type": "integer", "minimum": 1, "maximum": LARGEST})


def _many(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": MOST}
