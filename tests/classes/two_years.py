"""Teachers of a school with a class of the year that ended, and licences of the new one, written to the tables."""

import datetime

from licensing.classes.models import PupilAccount
from tests.classes.class_rows import create_class, create_subscription, hold_seat, paris_time
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import SchoolFactory

#: The licences of the classes end on 31 August 2027; pupils are kept for sixty days.
JUNE, SEPTEMBER, LAST_DAY, ERASURE = (paris_time(*day) for day in ((10, 6), (2, 9), (30, 10), (31, 10)))
NEW_YEAR = {"first_day": datetime.date(2027, 9, 1), "last_day": datetime.date(2028, 8, 31)}


class TwoYears:
    """A teacher with a class of three, and seats of the new year: theirs, and others for colleagues."""

    def __init__(self, *, pupils=3, size=4):
        self.school = SchoolFactory()
        self.teacher = TeacherFactory()
        self.old = create_subscription(school=self.school, size=size)
        self.new = create_subscription(school=self.school, size=size, **NEW_YEAR)
        self.classroom = create_class(hold_seat(self.old, by=self.teacher), pupils=pupils)
        self.seat = hold_seat(self.new, by=self.teacher)

    def colleague_class(self, *, pupils=0, number=2, **entitlement):
        """Return a class of a colleague's, on a seat of the new year; `entitlement`: of a subscription of its own."""
        subscription = create_subscription(school=self.school, **NEW_YEAR, **entitlement) if entitlement else self.new
        return create_class(hold_seat(subscription, number=number), pupils=pupils, opened_at=SEPTEMBER)

    def logins(self, classroom=None):
        """Return the logins of a class, by number."""
        return {
            pupil.number: pupil.login for pupil in PupilAccount.objects.filter(classroom=classroom or self.classroom)
        }
