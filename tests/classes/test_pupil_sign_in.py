"""A pupil's sign-in, and rate limits on wrong attempts."""

from __future__ import annotations

import datetime

import pytest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from accounts.models import Throttle
from licensing.classes import exceptions, operations, passwords
from licensing.classes.models import Classroom
from licensing.classes.operations import pupil_sign_in
from licensing.exceptions import LicensingError
from tests.classes.seat_changes import LATER, STOP_CASES, stop_licence, transfer_seat
from tests.conftest import TERM
from tests.factories.classes import PASSWORD, ClassroomFactory, PupilFactory

HERE = "192.0.2.1"


@pytest.fixture
def classroom(nimes):
    return ClassroomFactory(code="tulipe-5837")


@pytest.fixture
def lapin(classroom):
    return PupilFactory(classroom=classroom, number=1, word="lapin")


def enter(login="lapin-tulipe-5837", password=PASSWORD, *, address=HERE, at=TERM):
    return operations.sign_in(login=login, password=password, address=address, at=at)


def try_wrong_passwords(times, login="lapin-tulipe-5837", **where):
    """Try `times` wrong passwords; return the error codes."""
    codes = []
    for _ in range(times):
        with pytest.raises(LicensingError) as refusal:
            enter(login, "autre", **where)
        codes.append(refusal.value.code)
    return codes


def test_the_right_credentials_sign_in_and_record_the_time(lapin, classroom):
    pupil = enter(at=LATER)
    assert (pupil, pupil.classroom) == (lapin, classroom)
    lapin.refresh_from_db()
    assert lapin.last_seen_at == LATER


def test_generated_credentials_sign_in(classroom):
    [credential] = operations.add_pupils(classroom_id=classroom.pk, count=1, by=classroom.seat.holder, at=TERM)
    assert enter(credential.login, credential.password).number == credential.number


@pytest.mark.parametrize("login", ["LAPIN TULIPE 5837", "lapintulipe5837", "làpin.tulipe.5837 "])
def test_case_spaces_and_accents_are_ignored(lapin, login):
    assert enter(login, PASSWORD.upper().replace("-", " ")) == lapin


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("lapin-tulipe-5837", "autre"),
        ("lapin-tulipe-5837", ""),
        ("zebu-tulipe-5837", PASSWORD),  # nobody's animal in this class
        ("lapin-tulipe-5838", PASSWORD),  # no class
        ("Lucas", PASSWORD),
        ("", ""),
    ],
)
def test_any_wrong_credential_gives_one_message_and_costs_one_hash(lapin, monkeypatch, login, password):
    hashed = []
    encode = passwords.PupilHasher.encode
    monkeypatch.setattr(
        passwords.PupilHasher,
        "encode",
        lambda self, typed, salt, iterations=None: hashed.append(iterations) or encode(self, typed, salt, iterations),
    )
    passwords.verify_dummy("the one to compare with is hashed once a process")
    hashed.clear()
    with pytest.raises(exceptions.WrongCredentials) as refusal:
        enter(login, password)
    assert refusal.value.sentence == "Ce n'est pas cela. Regarde bien ta carte, et recommence."
    assert hashed == [passwords.PupilHasher.iterations]


def test_ten_wrong_passwords_lock_the_pupil_until_the_teacher_unlocks_them(lapin, classroom):
    assert try_wrong_passwords(12) == ["wrong_credentials"] * 9 + ["pupil_locked"] * 3
    with pytest.raises(exceptions.PupilLocked, match="maître ou à ta maîtresse de débloquer ton compte"):
        enter(at=TERM + datetime.timedelta(days=30))  # neither the right password nor time unlocks
    lapin.refresh_from_db()
    assert (lapin.failures, lapin.locked_at) == (10, TERM)
    operations.unlock(classroom_id=classroom.pk, number=1, by=classroom.seat.holder, at=LATER)
    assert enter() == lapin


def test_a_new_password_unlocks_too(lapin, classroom):
    try_wrong_passwords(10)
    [new] = operations.reset_passwords(classroom_id=classroom.pk, numbers=[1], by=classroom.seat.holder, at=LATER)
    assert enter(password=new.password) == lapin
    assert try_wrong_passwords(1) == ["wrong_credentials"]


def test_a_right_password_resets_the_counter(lapin, classroom):
    try_wrong_passwords(9)
    enter()
    assert try_wrong_passwords(9) == ["wrong_credentials"] * 9
    lapin.refresh_from_db()
    classroom.refresh_from_db()
    assert (lapin.failures, classroom.failures) == (9, 9)
    assert lapin.locked_at is None


def test_the_tenth_try_may_be_the_right_one(lapin):
    try_wrong_passwords(9)
    assert enter() == lapin
    lapin.refresh_from_db()
    assert (lapin.failures, lapin.locked_at) == (0, None)


def test_one_pupil_s_attempts_lock_no_classmate(lapin, classroom):
    zebu = PupilFactory(classroom=classroom, number=2, word="zebu")
    try_wrong_passwords(10)
    assert enter("zebu-tulipe-5837") == zebu


def test_sixty_wrong_passwords_close_the_class_until_the_teacher_opens_it(lapin, classroom):
    Classroom.objects.filter(pk=classroom.pk).update(failures=58)
    assert try_wrong_passwords(1) + try_wrong_passwords(1, "zebu-tulipe-5837") + try_wrong_passwords(1) == [
        "wrong_credentials"
    ] * 2 + ["class_locked"]
    other = PupilFactory(classroom=classroom, number=2, word="poney")
    with pytest.raises(exceptions.ClassLocked, match="de la rouvrir"):
        enter("poney-tulipe-5837")
    operations.unlock(classroom_id=classroom.pk, number=None, by=classroom.seat.holder, at=LATER)
    assert enter("poney-tulipe-5837") == other


def test_trying_logins_does_not_reveal_which_animals_a_class_has(lapin):
    """An unknown login locks like a real one, and a locked class refuses both."""
    known = try_wrong_passwords(12)
    assert try_wrong_passwords(12, "zebu-tulipe-5837") == known
    Classroom.objects.update(locked_at=TERM, failures=60)
    assert (
        try_wrong_passwords(2, "poney-tulipe-5837")
        == try_wrong_passwords(2, "zebu-tulipe-5837")
        == try_wrong_passwords(2)
        == ["class_locked"] * 2
    )


def test_trying_logins_does_not_reveal_which_classes_exist(lapin):
    assert try_wrong_passwords(12, "lapin-jasmin-1234") == try_wrong_passwords(12)


def test_a_login_that_was_tried_before_it_existed_is_not_locked(lapin, classroom):
    try_wrong_passwords(12, "zebu-tulipe-5837")
    zebu = PupilFactory(classroom=classroom, number=2, word="zebu")
    assert enter("zebu-tulipe-5837") == zebu


def test_a_network_that_tries_all_classes_is_slowed_down(lapin):
    tries = pupil_sign_in.NETWORK_LIMIT.tries
    Throttle.objects.all().delete()
    try_wrong_passwords(1)
    Throttle.objects.filter(scope="pupil/network").update(tries=tries)
    with pytest.raises(exceptions.TooManyAttempts, match="Attends 15 minutes") as refusal:
        enter()
    assert refusal.value.retry_after == 15 * 60
    assert enter(address="198.51.100.7") == lapin
    assert enter(at=TERM + datetime.timedelta(minutes=16)) == lapin


def test_right_passwords_are_not_counted_against_a_school(lapin):
    for _ in range(3):
        enter()
    assert Throttle.objects.get(scope="pupil/network").tries == 0


@pytest.mark.parametrize("reason", [*STOP_CASES, "no_teacher"])
def test_a_closed_class_is_revealed_to_the_right_password_only(lapin, classroom, reason):
    if reason == "no_teacher":
        transfer_seat(classroom)
    else:
        stop_licence(classroom, **STOP_CASES[reason][0])
    assert try_wrong_passwords(1) == ["wrong_credentials"]
    with pytest.raises(exceptions.ClassClosed, match="Ta classe est fermée pour le moment") as messages:
        enter()
    assert messages.value.reason == reason


def test_a_removed_pupil_does_not_sign_in(lapin, classroom):
    operations.remove_pupil(classroom_id=classroom.pk, number=1, by=classroom.seat.holder, at=TERM)
    assert try_wrong_passwords(1) == ["wrong_credentials"]


def test_a_password_changed_during_its_check_is_refused(lapin, classroom, monkeypatch):
    matches = passwords.verify

    def slowly(typed, stored):
        found = matches(typed, stored)
        operations.reset_passwords(classroom_id=classroom.pk, numbers=None, by=classroom.seat.holder, at=LATER)
        return found

    monkeypatch.setattr(passwords, "verify", slowly)
    with pytest.raises(exceptions.WrongCredentials):
        enter()


def test_signing_in_takes_few_queries(lapin, django_assert_num_queries):
    with django_assert_num_queries(14):  # two of them count by network, four are the savepoints of two transactions
        enter()


def test_an_error_report_shows_no_password(lapin, monkeypatch):
    def breaks(*args, **kwargs):
        raise RuntimeError("the database went away")

    monkeypatch.setattr(pupil_sign_in, "_reset_failures", breaks)
    with pytest.raises(RuntimeError) as broken:
        operations.sign_in(login=lapin.login, password=PASSWORD, address=HERE, at=TERM)
    reporter = ExceptionReporter(RequestFactory().get("/"), broken.type, broken.value, broken.tb.tb_next)
    assert PASSWORD not in reporter.get_traceback_html()
