"""What happens to classes and pupils."""

from __future__ import annotations

import pytest

from licensing.classes import exceptions, operations, words
from licensing.classes.models import Classroom
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.classes import PASSWORD, ClassroomFactory, PupilFactory, SeatFactory


@pytest.fixture
def classroom(nimes):
    return ClassroomFactory()


@pytest.fixture
def teacher(classroom):
    return classroom.seat.holder


def test_a_seat_opens_one_class_however_often(nimes):
    seat = SeatFactory()
    one = operations.open_class(seat_id=seat.pk, by=seat.holder, name="CE1 B", at=TERM)
    two = operations.open_class(seat_id=seat.pk, by=seat.holder, name="autre", at=TERM)
    assert one == two
    assert Classroom.objects.get().name == "CE1 B"


def test_accounts_are_made_with_logins_and_passwords_that_let_in(classroom, teacher):
    made = operations.add_pupils(classroom_id=classroom.pk, count=30, by=teacher, at=TERM)
    assert [pupil.number for pupil in made] == list(range(1, 31))
    assert all(words.is_password(pupil.password) for pupil in made)
    one = made[7]
    pupil = operations.sign_in(login=one.login, password=one.password, address="192.0.2.1", at=TERM)
    assert (pupil.number, pupil.login) == (one.number, one.login)


def test_the_thirty_first_is_refused(classroom, teacher):
    for number in range(1, 30):
        PupilFactory(classroom=classroom, number=number)
    with pytest.raises(exceptions.ClassFull, match="il en reste 1 à créer, et vous en demandez 2"):
        operations.add_pupils(classroom_id=classroom.pk, count=2, by=teacher, at=TERM)
    assert classroom.pupils.count() == 29


def test_a_stranger_is_refused(classroom):
    with pytest.raises(exceptions.NotYours):
        operations.add_pupils(classroom_id=classroom.pk, count=2, by=TeacherFactory(), at=TERM)


def test_a_wrong_password_is_refused_and_a_right_one_forgiven_its_form(classroom):
    pupil = PupilFactory(classroom=classroom)
    with pytest.raises(exceptions.WrongCredentials):
        operations.sign_in(login=pupil.login, password="autre", address="192.0.2.1", at=TERM)
    typed = pupil.login.upper().replace("-", " ")
    assert operations.sign_in(login=typed, password=PASSWORD.upper(), address="192.0.2.1", at=TERM) == pupil
