"""Confirmation guard: an unusually large act is done only once its figure was typed.

A click is a habit; a number has to be read. Imports, bulk acts on allocations and additions to a portfolio set it, each
on what it changes.
"""

import re
from typing import NamedTuple

from core import formatting

#: Share of the schools, or of the licences, already there above which the number of those changed must be typed.
SERVED_SHARE_THRESHOLD = 0.3
#: Schools already there below which the share is not checked: any change is a large one.
MIN_SCHOOLS = 5


class ConfirmationGuard(NamedTuple):
    """The number that must be typed, and the French sentence that explains why and what it counts."""

    number: int
    why: str

    def find_fault(self, typed: str, counted_by: str) -> str:
        """Return in French what is wrong with the number typed, spaces ignored; empty where it is the guard's.

        `counted_by`: what counts the number, « ce tableau ».
        """
        number = re.sub(r"\s", "", typed)
        if number == str(self.number):
            return ""
        if not number:
            return f"Pour confirmer, tapez {formatting.number(self.number)} dans cette case."
        return (
            f"Vous avez tapé {number[:12]}, et {counted_by} en compte {formatting.number(self.number)} : relisez ce qui"
            " va se passer, puis tapez le bon nombre."
        )


def is_large_share(changed: int, of_all: int, *, schools_served: int) -> bool:
    """Whether so many, of all that were served, are to be confirmed by their number."""
    return schools_served >= MIN_SCHOOLS and changed > SERVED_SHARE_THRESHOLD * of_all
