"""A teacher's operations on a class and its pupils."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from licensing.classes import exceptions, operations, passwords, pupils, queries, words
from licensing.classes.models import Classroom, PupilAccount
from licensing.classes.queries import get_taught_class
from licensing.entitlements.models import Entitlement, Subscription
from tests.classes.seat_changes import LATER, STOP_CASES, stop_licence, transfer_seat
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.classes import PASSWORD, ClassroomFactory, PupilFactory, SeatFactory
from tests.refusals import refuses


@pytest.fixture
def classroom(nimes):
    return ClassroomFactory()


@pytest.fixture
def teacher(classroom):
    return classroom.seat.holder


def pupil_numbers(classroom):
    return list(classroom.pupils.order_by("number").values_list("number", flat=True))


# The class


def test_a_seat_opens_one_class_however_often(nimes):
    seat = SeatFactory()
    one = operations.open_class(seat_id=seat.pk, by=seat.holder, name="  CE1   B ", at=TERM)
    two = operations.open_class(seat_id=seat.pk, by=seat.holder, name="autre", at=LATER)
    assert one == two
    assert (one.name, one.opened_at) == ("CE1 B", TERM)
    assert words.parse_login(f"lapin-{one.code}") == ("lapin", one.code)


def test_the_class_passes_with_its_pupils_to_the_next_teacher(classroom, teacher):
    PupilFactory.create_batch(3, classroom=classroom)
    successor = TeacherFactory()
    transfer_seat(classroom, successor)
    assert operations.open_class(seat_id=classroom.seat_id, by=successor, name="CE1 C", at=LATER) == classroom
    assert len(pupils.reset_passwords(classroom_id=classroom.pk, numbers=None, by=successor, at=LATER)) == 3
    with pytest.raises(exceptions.ClassNotTaught):
        operations.rename(classroom_id=classroom.pk, by=teacher, name="CE1 D", at=LATER)


def test_a_seat_of_somebody_else_opens_nothing(nimes):
    for seat_id in (SeatFactory().pk, SeatFactory(holder=None, held_since=None, mode="").pk, 987654321):
        with pytest.raises(exceptions.ClassNotTaught):
            operations.open_class(seat_id=seat_id, by=TeacherFactory(), name="CE1 B", at=TERM)
    assert not Classroom.objects.exists()


def test_a_code_that_a_class_has_is_drawn_again(classroom, monkeypatch):
    drawn = iter([classroom.code, classroom.code, "tulipe-5837"])
    monkeypatch.setattr(words, "generate_code", lambda: next(drawn))
    seat = SeatFactory(subscription=classroom.seat.subscription)
    assert operations.open_class(seat_id=seat.pk, by=seat.holder, name="CE1 B", at=TERM).code == "tulipe-5837"


def test_a_class_is_renamed(classroom, teacher):
    assert operations.rename(classroom_id=classroom.pk, by=teacher, name="CE2 « Étoiles »", at=TERM).name
    classroom.refresh_from_db()
    assert classroom.name == "CE2 « Étoiles »"


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "CE1\x00B"])
def test_a_name_that_cannot_be_shown_is_refused(classroom, teacher, name):
    with refuses("invalid_name", match="60 caractères au plus"):
        operations.rename(classroom_id=classroom.pk, by=teacher, name=name, at=TERM)


# Permissions


def stranger(classroom):
    return TeacherFactory()


def previous_teacher(classroom):
    before = classroom.seat.holder
    transfer_seat(classroom, TeacherFactory())
    return before


def subscription_principal(classroom):
    return classroom.seat.subscription.principal


def guest_of_previous_teacher(classroom):
    second = TeacherFactory()
    Classroom.objects.filter(pk=classroom.pk).update(second_teacher=second, second_invited_by=classroom.seat.holder)
    transfer_seat(classroom, TeacherFactory())
    return second


WRITES: dict[Callable[..., Any], dict[str, Any]] = {
    operations.rename: {"name": "CE2"},
    pupils.add_pupils: {"count": 1},
    pupils.remove_pupil: {"number": 1},
    pupils.reset_passwords: {"numbers": [1]},
    operations.mark_tries_read: {},
    operations.request_invitation: {"username": "quelqu.un"},
    operations.end_sharing: {},
}


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
@pytest.mark.parametrize("who", [stranger, previous_teacher, subscription_principal, guest_of_previous_teacher])
def test_who_does_not_teach_the_class_now_writes_nothing(classroom, who, write):
    pupil = PupilFactory(classroom=classroom, number=1)
    by = who(classroom)
    with pytest.raises(exceptions.ClassNotTaught) as refusal:
        write(classroom_id=classroom.pk, by=by, at=TERM, **WRITES[write])
    with pytest.raises(exceptions.ClassNotTaught) as of_none:
        write(classroom_id=987654321, by=by, at=TERM, **WRITES[write])
    assert str(refusal.value) == str(of_none.value)  # a guessed id reveals nothing
    pupil.refresh_from_db()
    assert pupil.password_set_at == pupil.created_at


def test_the_second_teacher_does_all_but_choose_who_shares(classroom, teacher):
    second = TeacherFactory()
    Classroom.objects.filter(pk=classroom.pk).update(second_teacher=second, second_invited_by=teacher)
    pupils.add_pupils(classroom_id=classroom.pk, count=1, by=second, at=TERM)
    operations.rename(classroom_id=classroom.pk, by=second, name="CE2", at=TERM)
    with refuses("not_the_holder"):
        operations.request_invitation(classroom_id=classroom.pk, username="quelqu.un", by=second, at=TERM)


def test_a_class_is_read_with_one_query(classroom, teacher, django_assert_num_queries):
    with django_assert_num_queries(1):
        read = get_taught_class(teacher, classroom.pk)
        _ = read.seat.holder, read.seat.subscription.school, read.seat.subscription.key.entitlement.product
        assert read.second_teacher is None


# Accounts


def test_accounts_are_made_with_logins_and_passwords_that_let_in(classroom, teacher):
    credentials = pupils.add_pupils(classroom_id=classroom.pk, count=30, by=teacher, at=TERM)
    assert [pupil.number for pupil in credentials] == list(range(1, 31))
    assert len({pupil.login for pupil in credentials}) == 30
    assert all(words.parse_password(pupil.password) for pupil in credentials)
    assert all(words.parse_login(pupil.login)[1] == classroom.code for pupil in credentials)
    one = credentials[7]
    pupil = PupilAccount.objects.select_related("classroom").get(classroom=classroom, number=8)
    assert pupil.login == one.login
    assert passwords.verify(one.password, pupil.password)


def test_the_lowest_free_numbers_are_taken(classroom, teacher):
    for number in (1, 3, 4, 7):
        PupilFactory(classroom=classroom, number=number)
    credentials = pupils.add_pupils(classroom_id=classroom.pk, count=4, by=teacher, at=TERM)
    assert [pupil.number for pupil in credentials] == [2, 5, 6, 8]
    assert classroom.pupils.values("word").distinct().count() == 8


@pytest.mark.parametrize(
    ("present", "count", "message"),
    [
        (29, 2, "il en reste 1 à créer, et vous en demandez 2. Aucun n’a été créé"),
        (0, 31, "il en reste 30 à créer, et vous en demandez 31"),
        (30, 1, "celle-ci les a tous"),
    ],
)
def test_the_thirty_first_is_refused_and_none_is_made(classroom, teacher, present, count, message):
    for number in range(1, present + 1):
        PupilFactory(classroom=classroom, number=number)
    with pytest.raises(exceptions.ClassFull, match=message):
        pupils.add_pupils(classroom_id=classroom.pk, count=count, by=teacher, at=TERM)
    assert classroom.pupils.count() == present


@pytest.mark.parametrize("count", [0, -1])
def test_no_accounts_cannot_be_made(classroom, teacher, count):
    with pytest.raises(exceptions.InvalidPupilCount):
        pupils.add_pupils(classroom_id=classroom.pk, count=count, by=teacher, at=TERM)


def test_the_database_refuses_the_thirty_first_whoever_writes(classroom):
    for number in range(1, 31):
        PupilFactory(classroom=classroom, number=number)
    for number in (0, 31, 30):
        with pytest.raises(IntegrityError), transaction.atomic():
            PupilFactory(classroom=classroom, number=number, word="zebu")
    assert classroom.pupils.count() == 30


def test_making_many_costs_as_many_queries_as_making_one(classroom, teacher, django_assert_num_queries):
    for count in (1, 20):
        with django_assert_num_queries(9):  # two of them are the savepoint
            pupils.add_pupils(classroom_id=classroom.pk, count=count, by=teacher, at=TERM)


def test_an_account_is_erased_and_its_number_free_again(classroom, teacher):
    for number in (1, 2, 3):
        PupilFactory(classroom=classroom, number=number)
    pupils.remove_pupil(classroom_id=classroom.pk, number=2, by=teacher, at=TERM)
    pupils.remove_pupil(classroom_id=classroom.pk, number=2, by=teacher, at=TERM)  # idempotent
    assert pupil_numbers(classroom) == [1, 3]
    [again] = pupils.add_pupils(classroom_id=classroom.pk, count=1, by=teacher, at=TERM)
    assert again.number == 2


# Passwords


def test_one_password_is_changed_and_the_others_stay(classroom, teacher):
    one, other = (PupilFactory(classroom=classroom, number=number) for number in (1, 2))
    [new] = pupils.reset_passwords(classroom_id=classroom.pk, numbers=[1], by=teacher, at=LATER)
    one.refresh_from_db()
    other.refresh_from_db()
    assert (new.number, new.login) == (1, one.login)
    assert passwords.verify(new.password, one.password)
    assert not passwords.verify(PASSWORD, one.password)
    assert passwords.verify(PASSWORD, other.password)
    assert one.password_set_at == LATER  # existing sessions end
    assert other.password_set_at == other.created_at


def test_all_passwords_are_changed(classroom, teacher):
    PupilFactory.create_batch(3, classroom=classroom)
    credentials = pupils.reset_passwords(classroom_id=classroom.pk, numbers=None, by=teacher, at=LATER)
    assert [one.number for one in credentials] == pupil_numbers(classroom)
    assert set(PupilAccount.objects.values_list("password_set_at", flat=True)) == {LATER}


def test_an_unknown_number_changes_no_password(classroom, teacher):
    pupil = PupilFactory(classroom=classroom, number=1)
    with pytest.raises(exceptions.NoSuchPupil, match="n° 5 n’existe pas, ou plus, dans cette classe\xa0: relisez"):
        pupils.reset_passwords(classroom_id=classroom.pk, numbers=[1, 5], by=teacher, at=LATER)
    pupil.refresh_from_db()
    assert pupil.password_set_at == pupil.created_at


def test_a_class_without_pupils_has_no_password_to_change(classroom, teacher):
    assert pupils.reset_passwords(classroom_id=classroom.pk, numbers=None, by=teacher, at=TERM) == []
    with pytest.raises(exceptions.InvalidPupilCount):
        pupils.reset_passwords(classroom_id=classroom.pk, numbers=[], by=teacher, at=TERM)


# The licence


@pytest.mark.parametrize("reason", STOP_CASES)
def test_without_a_running_licence_nothing_is_created_and_the_error_says_why(classroom, teacher, reason):
    pupil = PupilFactory(classroom=classroom, number=1)
    unopened = SeatFactory(subscription=classroom.seat.subscription)
    fields, message = STOP_CASES[reason]
    stop_licence(classroom, **fields)
    for write in (
        lambda: operations.open_class(seat_id=unopened.pk, by=unopened.holder, name="CE1", at=TERM),
        lambda: pupils.add_pupils(classroom_id=classroom.pk, count=1, by=teacher, at=TERM),
        lambda: pupils.reset_passwords(classroom_id=classroom.pk, numbers=[1], by=teacher, at=TERM),
    ):
        with refuses("licence_not_running", match=message):
            write()
    assert PupilAccount.objects.get() == pupil
    assert Classroom.objects.get() == classroom


@pytest.mark.parametrize("reason", STOP_CASES)
def test_reading_and_removing_need_no_running_licence(classroom, teacher, reason):
    PupilFactory(classroom=classroom, number=1)
    stop_licence(classroom, **STOP_CASES[reason][0])
    assert get_taught_class(teacher, classroom.pk) == classroom
    assert operations.open_class(seat_id=classroom.seat_id, by=teacher, name="", at=TERM) == classroom
    pupils.remove_pupil(classroom_id=classroom.pk, number=1, by=teacher, at=TERM)
    assert not classroom.pupils.exists()


@pytest.mark.parametrize("field", ["last_day", "provisional_until"])
def test_the_last_day_is_inclusive(classroom, teacher, field):
    stop_licence(classroom, **{field: TERM.date()})
    last_minute = TERM.replace(hour=23, minute=59)
    assert pupils.add_pupils(classroom_id=classroom.pk, count=1, by=teacher, at=last_minute)
    with refuses("licence_not_running"):
        pupils.add_pupils(
            classroom_id=classroom.pk, count=1, by=teacher, at=last_minute + datetime.timedelta(minutes=1)
        )


DAYS = [None, datetime.date(2026, 11, 23), datetime.date(2026, 11, 24), datetime.date(2026, 11, 25)]


@pytest.mark.parametrize(
    ("first_day", "last_day", "provisional_until", "suspended_at"),
    [
        (first_day, last_day, provisional, suspended)
        for first_day in DAYS[1:]
        for last_day in DAYS[1:]
        for provisional in DAYS
        for suspended in (None, TERM)
        if first_day <= last_day and (provisional is None or provisional <= last_day)
    ],
)
def test_operations_refuse_exactly_what_queries_exclude(
    classroom, first_day, last_day, provisional_until, suspended_at
):
    fields = {"last_day": last_day, "provisional_until": provisional_until, "suspended_at": suspended_at}
    fields["first_day"] = first_day
    stop_licence(classroom, **fields)
    runs = Subscription.objects.running_on(TERM.date()).exists()
    assert (queries.find_unusable_case(Entitlement.objects.get(), TERM.date()) is None) == runs


# Error reports


@pytest.mark.slow
@pytest.mark.parametrize("write", [pupils.add_pupils, pupils.reset_passwords])
def test_an_error_report_shows_no_password(classroom, teacher, monkeypatch, write):
    """An exception after the passwords are generated: its report contains none of them."""
    PupilFactory(classroom=classroom, number=1)
    drawn, draw = [], words.generate_password

    def remember():
        drawn.append(draw())
        return drawn[-1]

    def breaks(*args, **kwargs):
        raise RuntimeError("the database went away")

    monkeypatch.setattr(words, "generate_password", remember)
    monkeypatch.setattr(PupilAccount.objects, "bulk_create", breaks)
    monkeypatch.setattr(PupilAccount.objects, "bulk_update", breaks)
    parameters = {"count": 3} if write == pupils.add_pupils else {"numbers": None}
    with pytest.raises(RuntimeError) as broken:
        write(classroom_id=classroom.pk, by=teacher, at=TERM, **parameters)
    # Without this test's own frame, which contains them.
    report = ExceptionReporter(RequestFactory().get("/"), broken.type, broken.value, broken.tb.tb_next)
    report_html = report.get_traceback_html()
    assert "the database went away" in report_html
    assert drawn
    assert not [password for password in drawn if password in report_html]
