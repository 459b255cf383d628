"""Public holidays of France, with those of Alsace-Moselle and overseas. Pure.

Code du travail, articles L3133-1, L3134-13 and L3422-2.
"""

from __future__ import annotations

import datetime
from functools import lru_cache

#: Month and day of those that stand on a date.
_FIXED = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
#: Days after Easter Sunday: Easter Monday, Ascension Day, Whit Monday.
_AFTER_EASTER = (1, 39, 50)
_GOOD_FRIDAY = -2
ALSACE_MOSELLE = frozenset({"057", "067", "068"})
#: By département, month and day of the abolition of slavery.
_ABOLITION = {
    "971": (5, 27),
    "977": (10, 9),
    "978": (5, 28),
    "972": (5, 22),
    "973": (6, 10),
    "974": (12, 20),
    "976": (4, 27),
}


@lru_cache(maxsize=16)
def compute_easter(year: int) -> datetime.date:
    """Return Easter Sunday, by the Gregorian computus (Meeus, Jones and Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), f = divmod(b, 4), (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return datetime.date(year, month, day + 1)


def is_public_holiday(day: datetime.date, departement_code: str = "") -> bool:
    """Whether nobody works on this day in the département."""
    if (day.month, day.day) in _FIXED or (day.month, day.day) == _ABOLITION.get(departement_code):
        return True
    since_easter = (day - compute_easter(day.year)).days
    if departement_code in ALSACE_MOSELLE and (since_easter == _GOOD_FRIDAY or (day.month, day.day) == (12, 26)):
        return True
    return since_easter in _AFTER_EASTER
