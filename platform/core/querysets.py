"""Querysets with what several models need."""

from __future__ import annotations

from typing import Self

from django.db import models


class LockingQuerySet[Row: models.Model](models.QuerySet[Row]):
    """A queryset whose rows can be locked, in the one way that operations lock."""

    def locked(self) -> Self:
        """Lock the rows, and no joined row, in primary key order until the transaction ends.

        In one order, so that two transactions that lock several rows cannot deadlock. FOR NO KEY UPDATE: transactions
        that insert rows referring to these do not wait.
        """
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")
