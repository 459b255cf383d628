"""What models are made with: row locks (`.locked()`), constraints on dates of others, the lookup `in_array`.

And rows of several models by a statement that is written, not built.
"""

import datetime
from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any, Final, Self

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, ForeignKey, Lookup, Q, QuerySet, StringAgg, Value
from django.db.models.sql.compiler import SQLCompiler

from core.foreign_values import FIRST_DAY, LAST_DAY

# The lookup `in_array`: like `in`, with all values in one parameter, for lists of up to 60,000 values.
#
# `in` sends one placeholder a value: 60,000 cost more than the query. `= ANY(array)` and not a subquery on `unnest`:
# the planner estimates a set-returning function at 200 distinct values and would look up 60,000 rows one by one.
#
# Registered by `core.apps`.

#: Separator of the values in the parameter: a control character that they do not contain.
_SEPARATOR = "\x1f"


class GatheredValues(str):
    """Values for `in_array` as one text, which the database made: however many, Python makes no objects of them."""

    __slots__ = ()

    @classmethod
    def read(cls, rows: QuerySet[Any, Any], column: str) -> Self:
        """Read a column of texts. One query, which returns one row."""
        joined = rows.order_by().aggregate(joined=StringAgg(column, Value(_SEPARATOR)))
        return cls(joined["joined"] or "")


@ForeignKey.register_lookup
@Field.register_lookup
class InArray(Lookup):
    """`filter(pk__in_array=ids)`, `filter(school_id__in_array=uais)`, on columns of integers or text."""

    lookup_name = "in_array"
    prepare_rhs = False

    def get_prep_lookup(self) -> str:
        # One text that PostgreSQL splits: psycopg's array adapter takes 200 ms more for 60,000 values.
        return str(self.rhs) if isinstance(self.rhs, GatheredValues) else _SEPARATOR.join(map(str, self.rhs))

    def get_db_prep_lookup(self, value: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[str, ...]]:
        column_type = self.lhs.output_field.rel_db_type(connection)
        # Not varchar(8)[]: the cast would cut longer values to eight characters.
        element_type = "text" if column_type.startswith("varchar") else column_type
        return f"string_to_array(%s, '{_SEPARATOR}')::{element_type}[]", (value,)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[str | int, ...]]:
        column, column_parameters = self.process_lhs(compiler, connection)
        array, array_parameters = self.process_rhs(compiler, connection)
        return f"{column} = ANY({array})", (*column_parameters, *array_parameters)


_FIRST_MOMENT: Final = datetime.datetime.combine(FIRST_DAY, datetime.time.min, datetime.UTC)
_LAST_MOMENT: Final = datetime.datetime.combine(LAST_DAY, datetime.time.max, datetime.UTC)


def check_days(name: str, *fields: str) -> models.CheckConstraint:
    """Return the constraint that each of these columns is a day of the span, or null."""
    return models.CheckConstraint(
        name=name, condition=reduce(and_, (Q(**{f"{field}__range": (FIRST_DAY, LAST_DAY)}) for field in fields))
    )


def check_moment(name: str, field: str) -> models.CheckConstraint:
    """Return the constraint that this column is a moment of the span, or null."""
    return models.CheckConstraint(name=name, condition=Q(**{f"{field}__range": (_FIRST_MOMENT, _LAST_MOMENT)}))


class LockableQuerySet[Row: models.Model](models.QuerySet[Row]):
    """A queryset whose rows can be locked until the transaction ends."""

    def locked(self) -> Self:
        """Lock the rows (no joined row), in primary key order, until the transaction ends.

        Without the key: rows that refer to a locked row may be inserted meanwhile.
        """
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class JoinedQuery:
    """A written statement that reads a row of several models at once, for what is asked at every turn.

    Django builds the SQL of a queryset each time: 1.3 ms of processor for a key with its entitlement and collectivity,
    0.3 ms by this (bench redeem).
    """

    def __init__(self, sql: str, **rows: type[models.Model]) -> None:
        """Take a statement with `{columns}` for all columns of the models, each of which has its name here as alias."""
        fields = {name: model._meta.concrete_fields for name, model in rows.items()}  # noqa: SLF001 - Django's documented API
        self._models = [(rows[name], [field.attname for field in of_model]) for name, of_model in fields.items()]
        columns = (f'{name}."{field.column}"' for name, of_model in fields.items() for field in of_model)
        self._sql = sql.format(columns=", ".join(columns))

    def first(self, parameters: Sequence[Any]) -> list[Any] | None:
        """Return an instance of each model, None where its primary key is null; None without a row."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            values = cursor.fetchone()
        if values is None:
            return None
        instances, start = [], 0
        for model, names in self._models:
            row = model.from_db(DEFAULT_DB_ALIAS, names, values[start : start + len(names)])
            instances.append(row if row.pk is not None else None)
            start += len(names)
        return instances
