"""Strict query parameters and their filter backend: an invalid value (« has_nursery=oui ») is an error, not ignored."""

from __future__ import annotations

import datetime
import re
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.drainage import set_override
from rest_framework.request import Request
from rest_framework.views import APIView

from api.fields import MAX_INTEGER
from api.pagination import CURSOR_PARAMETER, LIMIT_PARAMETER
from api.problem_details import FieldError, InvalidRequest
from core.foreign_values import YEAR_PATTERN, check_moment

_DIGITS = re.compile(r"[0-9]{1,10}")


class _StrictBooleanFormField(forms.NullBooleanField):
    # Django's widget reads « 2 » as true and unknown values as None.
    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:  # type: ignore[override]  # None where no value is sent
        match value:
            case None | "":
                return None
            case "true" | "false":
                return bool(value == "true")
        raise ValidationError("« true » ou « false » est attendu.", code="invalid")

    def validate(self, value: object) -> None:
        """Accept what `to_python` returned."""


class StrictBooleanFilter(django_filters.BooleanFilter):
    """`true` or `false`."""

    field_class = _StrictBooleanFormField


class _StrictIntegerFormField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        if not _DIGITS.fullmatch(value) or int(value) > MAX_INTEGER:
            raise ValidationError("Un nombre entier est attendu.", code="invalid")
        return int(value)

    def run_validators(self, value: Any) -> None:
        """Accept what `to_python` returned: CharField's validators expect a string."""


class StrictNumberFilter(django_filters.NumberFilter):
    """A non-negative integer, such as a primary key; `help_text` is its description in the OpenAPI document."""

    field_class = _StrictIntegerFormField

    def __init__(self, field_name: str | None = None, *, help_text: str, **kwargs: Any) -> None:
        super().__init__(field_name, help_text=help_text, **kwargs)
        schema = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER, "description": help_text}
        set_override(self, "field", schema)


class _StrictDateTimeFormField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        moment = _parse_moment(value)
        if moment is None:
            raise ValidationError(
                "Une date et une heure sont attendues, avec leur fuseau : 2026-11-25T09:00:00Z.", code="invalid"
            )
        return moment

    def run_validators(self, value: Any) -> None:
        """Accept what `to_python` returned."""


def _parse_moment(text: str) -> datetime.datetime | None:
    try:
        moment = parse_datetime(text)
        return None if moment is None else check_moment(moment)
    except ValueError:
        return None


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
