"""Many values as one parameter: sixty thousand placeholders cost a statement more than its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import BigIntegerField, Func, TextField, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Field


def numbers(values: Iterable[int]) -> Func:
    """Return these numbers for a filter: `filter(pk__in=numbers(...))`. One parameter, however many they are."""
    return _rows(Value(list(values)), "bigint", BigIntegerField())


def texts(values: Iterable[str]) -> Func:
    """Return these texts for a filter: `filter(uai__in=texts(...))`. One parameter, however many they are."""
    return _rows(Value(list(values)), "text", TextField())


def _rows(array: Value, of: str, field: Field[Any, Any]) -> Func:
    return Func(array, template=f"(SELECT unnest(%(expressions)s::{of}[]))", output_field=field)
