"""Many values as one parameter: sixty thousand placeholders cost a statement more than its answer.

By `= ANY`, and not by a sub-query: of a set that a function returns, the planner believes that it has two hundred
different values, and looks up sixty thousand rows one after another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, F, Func, Value

if TYPE_CHECKING:
    from collections.abc import Iterable


def number_in(field: str, values: Iterable[int]) -> Func:
    """Return the condition that a field is one of these numbers: `filter(number_in("pk", …))`."""
    return _one_of(field, list(values), "bigint")


def text_in(field: str, values: Iterable[str]) -> Func:
    """Return the condition that a field is one of these texts: `filter(text_in("uai", …))`."""
    return _one_of(field, list(values), "text")


def _one_of(field: str, values: list[Any], kind: str) -> Func:
    return Func(
        F(field),
        Value(values),
        template=f"%(expressions)s::{kind}[])",
        arg_joiner=" = ANY(",
        output_field=BooleanField(),
    )
