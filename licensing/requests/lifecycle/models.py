"""The life of what somebody asks: it waits, then it ends once, with a reason.

Answered by whom it was asked of, withdrawn by who asked, expired when its time is over, or ended as it became useless.
Each app has its own table and column names; `ENDED_AT` and `PENDING` say which.
"""

import datetime
from collections.abc import Collection
from typing import Any, ClassVar, Self

from django.db import models, transaction
from django.db.models import Q, QuerySet

from core.exceptions import DomainError
from core.models import LockableQuerySet

#: The outcome of what its author took back.
WITHDRAWN = "withdrawn"


class AnswerableQuerySet[Row: "Answerable"](LockableQuerySet[Row]):
    def pending(self) -> Self:
        """Filter those that did not end."""
        return self.filter(self.model.PENDING)

    def lock_one(self, pk: int, unknown: DomainError) -> Row:
        """Lock and return one of these rows. Raises `unknown` where it is none of them."""
        row = self.filter(pk=pk).locked().first()
        if row is None:
            raise unknown
        return row

    def bulk_end(self, rows: Collection[Row], outcome: str, at: datetime.datetime, *columns: str) -> None:
        """End rows that the caller has locked, and write these columns of theirs. One statement."""
        for row in rows:
            row.outcome = outcome
            setattr(row, row.ENDED_AT, at)
        self.bulk_update(rows, ["outcome", self.model.ENDED_AT, *columns])

    @transaction.atomic
    def end_all(self, outcome: str, at: datetime.datetime) -> int:
        """Lock those of these rows that did not end, and end them, writing no other column; return how many."""
        ids = list(self.pending().locked().values_list("pk", flat=True))
        rows: QuerySet[Row] = self.model._default_manager.filter(pk__in=ids)  # noqa: SLF001 - documented
        return rows.update(**{"outcome": outcome, self.model.ENDED_AT: at})


def build_end_check(name: str) -> models.CheckConstraint:
    """Return the constraint, under this name, that what ended says how, and what did not says nothing."""
    return models.CheckConstraint(
        name=name, condition=Q(ended_at__isnull=True, outcome="") | (Q(ended_at__isnull=False) & ~Q(outcome=""))
    )


class Answerable(models.Model):
    """Something that somebody asked, which ends once. Has a column `outcome`, empty until then."""

    outcome: Any
    #: Column of the moment of the end.
    ENDED_AT: ClassVar = "ended_at"
    #: The condition of the partial indexes that find what did not end.
    PENDING: ClassVar = Q(ended_at__isnull=True)

    class Meta:
        abstract = True

    @property
    def is_pending(self) -> bool:
        """Whether it did not end."""
        return not self.outcome

    def end(self, outcome: str, at: datetime.datetime, **columns: Any) -> None:
        """End it; `columns`: what else is known from now on. The caller has locked it."""
        self._save({"outcome": outcome, self.ENDED_AT: at, **columns})

    def withdraw(self, at: datetime.datetime, *, ended: DomainError, **columns: Any) -> bool:
        """Withdraw it; return whether that is news. Raises `ended` where it ended in another way."""
        if self.outcome == WITHDRAWN:
            return False
        if not self.is_pending:
            raise ended
        self.end(WITHDRAWN, at, **columns)
        return True

    def reopen(self, **columns: Any) -> None:
        """Have it wait again, as what ended it was undone. The caller has locked it."""
        self._save({"outcome": "", self.ENDED_AT: None, **columns})

    def _save(self, columns: dict[str, Any]) -> None:
        for name, value in columns.items():
            setattr(self, name, value)
        self.save(update_fields=list(columns))
