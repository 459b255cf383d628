"""Hand pupils over and receive them, as the tests of handovers do."""

from licensing.classes import handovers
from tests.classes.two_years import SEPTEMBER

ADDRESS = "192.0.2.7"


def prepare(years, numbers=(1, 2), *, by=None, at=SEPTEMBER):
    """Return a handover of pupils of `TwoYears`, and its code."""
    handover = handovers.prepare_handover(
        classroom_id=years.classroom.pk, numbers=numbers, by=by or years.teacher, at=at
    )
    return handover, handovers.unseal_code(handover)


def receive(code, classroom, *, by=None, at=SEPTEMBER, enter=handovers.receive):
    """Type a code on the page of a class; `enter`: only look, or receive."""
    return enter(code=code, classroom_id=classroom.pk, by=by or classroom.seat.holder, address=ADDRESS, at=at)
