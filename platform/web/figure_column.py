"""A column of numbers: right-aligned, with digits of one width, so that numbers below each other can be compared."""

from typing import Any

import django_tables2 as tables

from core import formatting


class FigureColumn(tables.Column):
    """Shows whole numbers with French thousands, and anything else as it is, on the right."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(attrs={part: {"class": "number"} for part in ("th", "td")}, **kwargs)

    def render(self, value: Any) -> Any:
        """Return « 1 200 » for 1200."""
        return formatting.number(value) if isinstance(value, int) else value
