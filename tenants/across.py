"""One question asked of every collectivity's schema, in a handful of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from tenants.models import Collectivity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Schemas asked in one statement: its plan grows with them.
CHUNK = 100


class Row(NamedTuple):
    """One row of the answer, and whose it is."""

    collectivity: Collectivity
    values: tuple[Any, ...]


def ask_all(question: str, params: Sequence[Any] = ()) -> Iterator[Row]:
    """Yield the rows that `question` finds in each schema, in order of collectivity.

    `question` is one SELECT whose tables stand behind `{schema}.`; `params` are those of one schema's question.
    """
    collectivities = list(Collectivity.objects.order_by("name", "pk"))
    for start in range(0, len(collectivities), CHUNK):
        chunk = collectivities[start : start + CHUNK]
        questions = (question.format(schema=connection.ops.quote_name(one.schema_name)) for one in chunk)
        asked = " UNION ALL ".join(
            f"SELECT {number}, answer.* FROM ({asked_of_one}) answer"  # noqa: S608 - our own names
            for number, asked_of_one in enumerate(questions)
        )
        with connection.cursor() as cursor:
            cursor.execute(f"{asked} ORDER BY 1", [*params] * len(chunk))
            for number, *values in cursor.fetchall():
                yield Row(chunk[number], tuple(values))
