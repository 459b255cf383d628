"""A pool of the autumn term, and the holidays of its school's zone."""

import datetime

import pytest

from licensing.orders import operations as orders
from schools.models import HolidayZone, SchoolHoliday
from tests.conftest import TERM


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=100, reason="Essai", name="Lot A", by=None, at=TERM)


@pytest.fixture
def holidays(db):
    """The end of 2026 and the winter of 2027 in zone C, where Nîmes is."""
    for name, first, last in (
        ("Vacances de Noël", datetime.date(2026, 12, 19), datetime.date(2027, 1, 3)),
        ("Vacances d'Hiver", datetime.date(2027, 2, 6), datetime.date(2027, 2, 21)),
    ):
        SchoolHoliday.objects.create(zone=HolidayZone.C, name=name, first_day=first, last_day=last)
