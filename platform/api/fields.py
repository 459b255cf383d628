"""Fields of the API, and the serializers of bulk requests.

`StrictSerializer` rejects unknown fields: ignoring a misspelt field would do something else than the client intended.
"""

import datetime
import re
from collections.abc import Mapping
from typing import Any, cast

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from core.foreign_values import YEAR_PATTERN, parse_day

#: Largest value of PostgreSQL's `integer`.
MAX_INTEGER = 2_147_483_647
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class StrictCharField(serializers.CharField):
    """A string; numbers and booleans are not converted."""

    default_error_messages = {"invalid": "Un texte est attendu."}

    def to_internal_value(self, data: Any) -> str:
        """Return the string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictEmailField(serializers.EmailField):
    """An e-mail address; only strings are accepted."""

    def to_internal_value(self, data: Any) -> str:
        """Return the address."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """An integer, at most `MAX_INTEGER` by default."""

    default_error_messages = {"invalid": "Un nombre entier est attendu."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_value", MAX_INTEGER)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Return the integer."""
        if isinstance(data, float) and data.is_integer():
            # JSON Schema: 8.0 is an integer.
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """`true` or `false`."""

    default_error_messages = {"invalid": "« true » ou « false » est attendu."}

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean."""
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class StrictDateField(serializers.DateField):
    """A date, `2027-08-31`."""

    default_error_messages = {"invalid": "Un jour est attendu, écrit 2027-08-31."}

    def to_internal_value(self, value: Any) -> datetime.date:
        """Return the date."""
        if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
            self.fail("invalid", format="")
        try:
            return parse_day(value)
        except ValueError:
            self.fail("invalid", format="")


class StrictDateFieldExtension(OpenApiSerializerFieldExtension):
    target_class = StrictDateField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, str]:
        """Return the OpenAPI schema of the field."""
        return {"type": "string", "format": "date", "pattern": YEAR_PATTERN}


class StrictChoiceField(serializers.ChoiceField):
    """One of the listed strings."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the choice."""
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class UtcDateTimeField(serializers.DateTimeField):
    """A date and time in UTC, `2026-11-25T09:00:00.123456Z`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=datetime.UTC, **kwargs)


class UtcDateTimeFieldExtension(OpenApiSerializerFieldExtension):
    target_class = UtcDateTimeField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, str]:
        """Return the OpenAPI schema of the field."""
        return {"type": "string", "format": "date-time"}


def shadowing_field(field: serializers.Field[Any, Any, Any, Any]) -> Any:
    """Return the field, untyped: for those named as attributes of a serializer (`data`, `errors`, `label`).

    The serializer's metaclass takes the fields out of the class, so that at run time nothing is shadowed.
    """
    return field


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that rejects unknown fields."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values. Raises one `ValidationError` for all errors."""
        unknown = {} if not isinstance(data, dict) else _unknown_field_errors(data, self.fields)
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise serializers.ValidationError(unknown)
        return values


class EmptySerializer(StrictSerializer):
    """Un objet vide : il n'y a rien à dire de plus."""


def _unknown_field_errors(
    data: Mapping[Any, Any], known: Mapping[str, Any]
) -> dict[str, list[serializers.ErrorDetail]]:
    error = serializers.ErrorDetail("Ce champ n'existe pas : voyez la description de l'adresse.", code="unknown_field")
    return {str(name): [error] for name in data if name not in known}


# Bulk input: lists of up to 10,000 rows or ids, with each error located by its row.
#
# Rows that pass a cheap check skip the serializer; only the others go through it, to collect their errors.

#: Rows per request.
MAX_ROWS = 10_000


class RowSerializer(StrictSerializer):
    """A row of a list of thousands."""

    def is_valid_as_is(self, row: Any) -> bool:
        """Whether the serializer would return this row unchanged: a cheap check, where there is one."""
        return False


class BulkRowsSerializer(serializers.ListSerializer[Any]):
    """A list of 1 to 10,000 objects; the child is a `RowSerializer`."""

    def __init__(self, *, child: RowSerializer, **kwargs: Any) -> None:
        super().__init__(child=child, allow_empty=False, max_length=MAX_ROWS, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Return the rows. Raises `ValidationError` with the errors by row index."""
        if not isinstance(data, list) or not 1 <= len(data) <= MAX_ROWS:
            return super().to_internal_value(data)
        child = cast("RowSerializer", self.child)
        rows: list[Any] = []
        errors: dict[Any, Any] = {}
        for index, row in enumerate(data):
            if child.is_valid_as_is(row):
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
