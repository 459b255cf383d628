"""Fields that take what the description says and nothing that could be read as it: « 3 » is no number, 1 is no truth.

And serializers that refuse names they do not know: a misspelt field that is left aside does something else than asked.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What PostgreSQL's integer holds.
MOST = 2_147_483_647
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Text(serializers.CharField):
    """A text, not something that can be written as one."""

    default_error_messages = {"invalid": "Un texte est attendu."}

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Email(serializers.EmailField):
    """An e-mail address."""

    def to_internal_value(self, data: Any) -> str:
        """Return the address."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number, within what the database holds."""

    default_error_messages = {"invalid": "Un nombre entier est attendu."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_value", MOST)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if isinstance(data, float) and data.is_integer():
            # 8.0 is a whole number as JSON and its schemas have it.
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Truth(serializers.BooleanField):
    """`true` or `false`."""

    default_error_messages = {"invalid": "« true » ou « false » est attendu."}

    def to_internal_value(self, data: Any) -> bool:
        """Return it."""
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Day(serializers.DateField):
    """A day, `2027-08-31`."""

    default_error_messages = {"invalid": "Un jour est attendu, écrit 2027-08-31."}

    def to_internal_value(self, value: Any) -> datetime.date:
        """Return the day."""
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            self.fail("invalid", format="")
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            self.fail("invalid", format="")


class Choice(serializers.ChoiceField):
    """One of the words that the description lists."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the word."""
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """A moment in UTC, `2026-11-25T09:00:00.123456Z`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=datetime.UTC, **kwargs)


class MomentInSchema(OpenApiSerializerFieldExtension):
    target_class = Moment

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, str]:
        """Return how the description tells it."""
        return {"type": "string", "format": "date-time"}


class Strict(serializers.Serializer[Any]):
    """Refuses names that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values. Raises `ValidationError`, of all that is wrong at once."""
        unknown = {} if not isinstance(data, dict) else _unknown(data, self.fields)
        try:
            found = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise serializers.ValidationError(unknown)
        return found


def _unknown(data: Mapping[Any, Any], known: Mapping[str, Any]) -> dict[str, list[serializers.ErrorDetail]]:
    said = serializers.ErrorDetail("Ce champ n'existe pas : voyez la description de l'adresse.", code="unknown_field")
    return {str(name): [said] for name in data if name not in known}
