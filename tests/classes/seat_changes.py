"""Changes of a class's seat: a licence that stops, a seat that changes hands."""

import datetime

from licensing.entitlements.models import Entitlement, Seat
from tests.conftest import TERM

LATER = TERM + datetime.timedelta(hours=1)


#: Entitlement fields that stop a licence, and the message, by code.
STOP_CASES = {
    "licence_ended": ({"last_day": datetime.date(2026, 11, 23)}, "valable jusqu’au 23\u00a0novembre 2026 inclus"),
    "licence_suspended": ({"suspended_at": TERM, "unpaid_until": datetime.date(2026, 11, 23)}, "attend son règlement"),
    "provisional_over": ({"provisional_until": datetime.date(2026, 11, 23)}, "droits temporaires .* ont pris fin"),
}


def transfer_seat(classroom, to=None):
    """Give the seat of the class to `to`, or free it."""
    held = {"holder": to, "held_since": TERM, "mode": "automatic"}
    free = {"holder": None, "held_since": None, "mode": ""}
    Seat.objects.filter(pk=classroom.seat_id).update(**(held if to else free))


def stop_licence(classroom, **fields):
    Entitlement.objects.filter(keys__subscription__seats=classroom.seat_id).update(**fields)
