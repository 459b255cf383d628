"""Constraints of columns that hold dates of others: inside the span of `core.foreign_values`."""

from __future__ import annotations

import datetime
from functools import reduce
from operator import and_
from typing import Final

from django.db import models
from django.db.models import Q

from core.foreign_values import FIRST_DAY, LAST_DAY

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
