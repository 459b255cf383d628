"""Lookups by many values passed as one array parameter: 60,000 placeholders would cost more than the query.

`= ANY(array)` and not a subquery on `unnest`: the planner estimates a set-returning function at 200 distinct values and
would look up 60,000 rows one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import BooleanField, F, Func, Value

if TYPE_CHECKING:
    from collections.abc import Iterable


#: Separator of texts joined into one parameter: a control character that they do not contain.
_SEPARATOR = "\x1f"


def number_in(field: str, values: Iterable[int]) -> Func:
    """Return the condition that a field is one of these integers: `filter(number_in("pk", …))`."""
    return _equals_any(field, f"{{{','.join(map(str, values))}}}", "%(expressions)s::bigint[])")


def text_in(field: str, values: Iterable[str]) -> Func:
    """Return the condition that a field is one of these texts: `filter(text_in("uai", …))`.

    The texts hold no control character.
    """
    return _equals_any(field, _SEPARATOR.join(values), f"%(expressions)s, '{_SEPARATOR}'))", "string_to_array(")


def _equals_any(field: str, values: str, template: str, function: str = "") -> Func:
    # One text: psycopg's array adapter would process each value in Python.
    return Func(
        F(field), Value(values), template=template, arg_joiner=f" = ANY({function}", output_field=BooleanField()
    )
