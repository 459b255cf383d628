"""A teacher with a class, created by the operations."""

from licensing.classes import operations
from licensing.classes.pupils import add_pupils
from licensing.entitlements import operations as seats
from tests.conftest import TERM


class TaughtClass:
    """A class of a school, its teacher, and its pupils' credentials."""

    def __init__(self, school, *, pupils=0, name="CE1 B"):
        self.school = school
        self.teacher = school.teacher()
        self.code, self.subscription = school.subscription(units=2)
        self.seat = seats.claim(code=self.code, by=self.teacher, at=TERM)
        self.classroom = operations.open_class(seat_id=self.seat.pk, by=self.teacher, name=name, at=TERM)
        self.credentials = self.add(pupils) if pupils else []

    def add(self, count):
        """Create accounts; return their credentials."""
        return add_pupils(classroom_id=self.classroom.pk, count=count, by=self.teacher, at=TERM)

    def pupil(self, number=1):
        """Return an account, freshly read."""
        return self.classroom.pupils.get(number=number)

    def url(self, rest=""):
        """Return the URL of the class's page, or of one below it."""
        return f"/mes-classes/{self.classroom.pk}/{rest}"

    def pass_on(self):
        """Pass the seat to another teacher of the school; return them."""
        seats.release(seat_id=self.seat.pk, by=self.school.principal, at=TERM)
        heir = self.school.teacher()
        # The lowest free seat is this one.
        assert seats.claim(code=self.code, by=heir, at=TERM).pk == self.seat.pk
        return heir
