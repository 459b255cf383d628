"""Parameters that take what the description says and nothing else: « has_nursery=oui » is refused, not left aside."""

from __future__ import annotations

import datetime
import re
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field

from api.fields import MOST

_DIGITS = re.compile(r"[0-9]{1,10}")


class _TruthField(forms.NullBooleanField):
    # The widget of forms reads « 2 » as true and whatever it does not know as nothing.
    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:  # type: ignore[override]  # nothing said is nothing
        match value:
            case None | "":
                return None
            case "true" | "false":
                return bool(value == "true")
        raise ValidationError("« true » ou « false » est attendu.", code="invalid")

    def validate(self, value: object) -> None:
        """Accept what `to_python` returned."""


class Flag(django_filters.BooleanFilter):
    """`true` or `false`."""

    field_class = _TruthField


class _WholeField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        if not _DIGITS.fullmatch(value) or int(value) > MOST:
            raise ValidationError("Un nombre entier est attendu.", code="invalid")
        return int(value)

    def run_validators(self, value: Any) -> None:
        """Accept what `to_python` returned: the validators of a text do not concern a number."""


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MOST})
class Number(django_filters.NumberFilter):
    """A whole number, such as a row's."""

    field_class = _WholeField


class _MomentField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        moment = _moment(value)
        if moment is None:
            raise ValidationError(
                "Une date et une heure sont attendues, avec leur fuseau : 2026-11-25T09:00:00Z.", code="invalid"
            )
        return moment

    def run_validators(self, value: Any) -> None:
        """Accept what `to_python` returned."""


def _moment(written: str) -> datetime.datetime | None:
    try:
        moment = parse_datetime(written)
        return moment.astimezone(datetime.UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


class Since(django_filters.IsoDateTimeFilter):
    """A moment with its time zone."""

    field_class = _MomentField
