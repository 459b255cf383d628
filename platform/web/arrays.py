"""Many values as one parameter: sixty thousand placeholders cost a statement more than its answer.

By `= ANY`, and not by a sub-query: of a set that a function returns, the planner believes that it has two hundred
different values, and looks up sixty thousand rows one after another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import BooleanField, F, Func, Value

if TYPE_CHECKING:
    from collections.abc import Iterable


#: What separates texts that travel as one, and stands in none of them.
_BETWEEN = "\x1f"


def number_in(field: str, values: Iterable[int]) -> Func:
    """Return the condition that a field is one of these numbers: `filter(number_in("pk", …))`."""
    return _one_of(field, f"{{{','.join(map(str, values))}}}", "%(expressions)s::bigint[])")


def text_in(field: str, values: Iterable[str]) -> Func:
    """Return the condition that a field is one of these texts: `filter(text_in("uai", …))`.

    The texts hold no control character.
    """
    return _one_of(field, _BETWEEN.join(values), f"%(expressions)s, '{_BETWEEN}'))", "string_to_array(")


def _one_of(field: str, values: str, template: str, function: str = "") -> Func:
    # One text: the adapter of arrays would look at each value on its own.
    return Func(
        F(field), Value(values), template=template, arg_joiner=f" = ANY({function}", output_field=BooleanField()
    )
