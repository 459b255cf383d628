"""The one spelling of a row lock: `.locked()`."""

from __future__ import annotations

from typing import Self

from django.db import models


class LockableQuerySet[Row: models.Model](models.QuerySet[Row]):
    """A queryset whose rows can be locked until the transaction ends."""

    def locked(self) -> Self:
        """Lock the rows (no joined row), in primary key order, until the transaction ends.

        Without the key: rows that refer to a locked row may be inserted meanwhile.
        """
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")
