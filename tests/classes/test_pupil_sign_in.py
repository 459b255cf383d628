"""A pupil's sign-in, and the delays between wrong attempts."""

import contextlib
import datetime
import re
import sys

import pytest
from django.db import connection
from django.db.models import F
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.views.debug import ExceptionReporter

from accounts import attempt_delays
from accounts.known_origins import Origin
from accounts.models import AttemptDelay, KnownOrigin
from core.exceptions import DomainError
from licensing.classes import exceptions, operations, passwords
from licensing.classes.pupils import add_pupils, remove_pupil, reset_passwords
from tests.accounts.waiting import let_pass
from tests.classes.seat_changes import LATER, STOP_CASES, stop_licence, transfer_seat
from tests.conftest import TERM
from tests.factories.classes import PASSWORD, ClassroomFactory, PupilFactory
from tests.refusals import refuses

SCHOOL, ELSEWHERE = "192.0.2.1", "198.51.100.7"
SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def classroom(nimes):
    return ClassroomFactory(code="tulipe-5837")


@pytest.fixture
def lapin(classroom):
    return PupilFactory(classroom=classroom, number=1, word="lapin")


def sign_in(login="lapin-tulipe-5837", password=PASSWORD, *, address=SCHOOL, device="", at=TERM):
    return operations.sign_in(login=login, password=password, origin=Origin(address, device), at=at)


def enter(*args, **where):
    """Sign in; return the pupil."""
    return sign_in(*args, **where).pupil


def try_wrong_passwords(times, login="lapin-tulipe-5837", **where):
    """Try `times` wrong passwords; return the error codes."""
    codes = []
    for _ in range(times):
        with pytest.raises(DomainError) as refusal:
            enter(login, "autre", **where)
        codes.append(refusal.value.code)
    return codes


def spend(rule, subject, failures):
    """Count so many failures of a subject."""
    attempt_delays.begin([(rule, subject)])
    rest = (failures - 2) * rule.forget_every
    AttemptDelay.objects.filter(scope=rule.scope).update(empties_at=F("empties_at") + rest)
    attempt_delays.begin([(rule, subject)])


def test_the_right_credentials_sign_in_and_record_the_time(lapin, classroom):
    pupil = enter(at=LATER)
    assert (pupil, pupil.classroom) == (lapin, classroom)
    lapin.refresh_from_db()
    assert lapin.last_seen_at == LATER


def test_generated_credentials_sign_in(classroom):
    [credential] = add_pupils(classroom_id=classroom.pk, count=1, by=classroom.seat.holder, at=TERM)
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
    assert "l’animal, le mot, le nombre, puis les trois mots du mot de passe" in refusal.value.sentence
    assert hashed == [passwords.PupilHasher.iterations]


# --- Delays ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_after_five_wrong_passwords_a_pupil_waits_some_seconds(lapin):
    assert try_wrong_passwords(7) == ["wrong_credentials"] * 5 + ["too_many_attempts"] * 2
    with pytest.raises(exceptions.TooManyAttempts, match="Attends 5\u00a0secondes, puis essaie encore") as refusal:
        enter()
    assert refusal.value.retry_after == 5
    let_pass(5 * SECOND)
    assert enter() == lapin


@pytest.mark.slow
def test_a_pupil_waits_a_minute_at_most_however_many_try(lapin):
    waits = []
    for turn in range(40):
        try:
            enter(password="autre", address=f"203.0.113.{turn}")
        except exceptions.TooManyAttempts as refusal:
            waits.append(refusal.retry_after)
            let_pass(refusal.retry_after * SECOND)
        except exceptions.WrongCredentials:
            continue
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == 60
    let_pass(60 * SECOND)
    assert enter() == lapin


@pytest.mark.slow
def test_a_right_password_takes_back_the_wrong_ones_before_it(lapin):
    for _ in range(4):
        try_wrong_passwords(4)
        enter()
    failures = AttemptDelay.objects.exclude(scope="pupil/here")
    assert {(row.scope, row.empties_at <= row.open_at) for row in failures} == {
        (scope, True) for scope in ("pupil/account", "pupil/network", "pupil/class")
    }


@pytest.mark.slow
def test_sixty_wrong_tries_in_a_class_leave_the_other_pupils_free(lapin, classroom):
    others = [PupilFactory(classroom=classroom, number=number) for number in range(2, 31)]
    spend(operations.OF_CLASS, classroom.code, 60)
    assert try_wrong_passwords(6)[-1] == "too_many_attempts"
    for pupil in others[:3]:
        assert enter(pupil.login) == pupil
        assert enter(pupil.login, address=ELSEWHERE) == pupil


@pytest.mark.slow
def test_thirty_children_who_mistype_at_one_address_all_enter(classroom):
    pupils = [PupilFactory(classroom=classroom, number=number) for number in range(1, 31)]
    for pupil in pupils:
        assert try_wrong_passwords(2, pupil.login) == ["wrong_credentials"] * 2
    assert [enter(pupil.login) for pupil in pupils] == pupils


def test_nine_hundred_failures_at_one_address_delay_no_class_that_is_new_there(lapin):
    """Ten classes of thirty who have all mistyped three times, none of whom has succeeded yet."""
    spend(operations.OF_NETWORK, SCHOOL, 900)
    assert enter() == lapin


@pytest.mark.slow
def test_a_network_that_tries_all_logins_is_slowed_down_for_classes_that_are_new_there(lapin, classroom):
    spend(operations.OF_NETWORK, SCHOOL, 1_000)
    with pytest.raises(exceptions.TooManyAttempts):
        enter()
    assert enter(address=ELSEWHERE) == lapin
    let_pass(60 * SECOND)
    assert enter() == lapin
    # Now the class is known there.
    zebu = PupilFactory(classroom=classroom, number=2, word="zebu")
    spend(operations.OF_NETWORK, SCHOOL, 1_000)
    assert try_wrong_passwords(1, "poney-jasmin-1234") == ["too_many_attempts"]
    assert enter(zebu.login) == zebu


@pytest.mark.slow
def test_a_class_is_known_at_its_school_while_strangers_try_a_pupil(lapin, classroom):
    enter()
    for number in range(40):
        with contextlib.suppress(exceptions.TooManyAttempts):
            try_wrong_passwords(1, address=f"203.0.113.{number}")
    with pytest.raises(exceptions.TooManyAttempts):
        enter(address=ELSEWHERE)
    assert enter() == lapin


@pytest.mark.slow
def test_a_known_tablet_is_let_through_and_has_a_budget_of_its_own(lapin):
    tablet = sign_in().device
    try_wrong_passwords(6, address=ELSEWHERE)
    with pytest.raises(exceptions.TooManyAttempts):
        enter(address=ELSEWHERE)
    assert enter(address=ELSEWHERE, device=tablet) == lapin
    tries = try_wrong_passwords(12, address=ELSEWHERE, device=tablet)
    assert tries == ["wrong_credentials"] * 10 + ["too_many_attempts"] * 2


@pytest.mark.slow
def test_a_new_password_makes_the_pupil_s_tablets_unknown(lapin, classroom):
    tablet = sign_in().device
    [new] = reset_passwords(classroom_id=classroom.pk, numbers=[1], by=classroom.seat.holder, at=LATER)
    try_wrong_passwords(6, address=ELSEWHERE)
    with pytest.raises(exceptions.TooManyAttempts):
        enter(password=new.password, address=ELSEWHERE, device=tablet)


def test_the_tablets_of_a_removed_pupil_are_forgotten(lapin, classroom):
    enter()
    remove_pupil(classroom_id=classroom.pk, number=1, by=classroom.seat.holder, at=TERM)
    assert list(KnownOrigin.objects.values_list("owner", flat=True)) == [f"class:{classroom.pk}"]


# --- What exists is not told ----------------------------------------------------------------------------------------


def answers(login, *, times=8):
    """Return the code, sentence and seconds of each of some wrong tries from one network, then from many."""
    given = []
    for turn in range(times + 18):
        address = SCHOOL if turn < times else f"203.0.113.{turn}"
        with pytest.raises(DomainError) as refusal:
            enter(login, "autre", address=address)
        given.append((refusal.value.code, refusal.value.sentence, getattr(refusal.value, "retry_after", None)))
    return given


@pytest.mark.slow
@pytest.mark.parametrize("login", ["zebu-tulipe-5837", "lapin-jasmin-1234", "Lucas"])
def test_what_does_not_exist_answers_as_what_does(lapin, login):
    assert answers(login) == answers("lapin-tulipe-5837")


@pytest.mark.slow
@pytest.mark.parametrize("login", ["zebu-tulipe-5837", "lapin-jasmin-1234"])
def test_what_does_not_exist_costs_the_same_statements(lapin, login):
    def list_statements(typed):
        with CaptureQueriesContext(connection) as counted, contextlib.suppress(DomainError):
            enter(typed, "autre")
        return [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in counted.captured_queries]

    # Looked at, then refused.
    assert [list_statements(login) for _ in range(7)] == [list_statements(lapin.login) for _ in range(7)]


@pytest.mark.parametrize("code", ["tulipe-5837", "jasmin-1234"])
def test_the_sixtieth_failure_queues_one_job_whether_or_not_the_class_exists(lapin, monkeypatch, code):
    queued = []
    monkeypatch.setattr(
        sys.modules[operations.sign_in.__module__],
        "defer",
        lambda name, **values: queued.append((name, values["code"])),
    )
    spend(operations.OF_CLASS, code, 58)
    for number, expected in enumerate((0, 1, 1, 1)):
        try_wrong_passwords(1, f"lapin-{code}", address=f"203.0.113.{number}")
        assert queued == [("classes.note_tries", code)] * expected


@pytest.mark.parametrize("reason", [*STOP_CASES, "no_teacher"])
def test_a_closed_class_is_revealed_to_the_right_password_only(lapin, classroom, reason):
    if reason == "no_teacher":
        transfer_seat(classroom)
    else:
        stop_licence(classroom, **STOP_CASES[reason][0])
    assert try_wrong_passwords(1) == ["wrong_credentials"]
    with refuses("class_closed", match="Ta classe est fermée pour le moment"):
        enter()


def test_a_removed_pupil_does_not_sign_in(lapin, classroom):
    remove_pupil(classroom_id=classroom.pk, number=1, by=classroom.seat.holder, at=TERM)
    assert try_wrong_passwords(1) == ["wrong_credentials"]


def test_a_password_changed_during_its_check_is_refused(lapin, classroom, monkeypatch):
    matches = passwords.verify

    def slowly(typed, stored):
        found = matches(typed, stored)
        reset_passwords(classroom_id=classroom.pk, numbers=None, by=classroom.seat.holder, at=LATER)
        return found

    monkeypatch.setattr(passwords, "verify", slowly)
    with pytest.raises(exceptions.WrongCredentials):
        enter()


def test_signing_in_takes_few_queries(lapin, django_assert_num_queries):
    enter()
    # The class, the pupil, the known origins; four with a savepoint to count and four to take back; five to record the
    # sign-in and read the class; three for the origins.
    with django_assert_num_queries(19):
        enter()


def test_an_error_report_shows_no_password(lapin, monkeypatch):
    def breaks(*args, **kwargs):
        raise RuntimeError("the database went away")

    monkeypatch.setattr("licensing.classes.operations._record_sign_in", breaks)
    with pytest.raises(RuntimeError) as broken:
        operations.sign_in(login=lapin.login, password=PASSWORD, origin=Origin(SCHOOL), at=TERM)
    reporter = ExceptionReporter(RequestFactory().get("/"), broken.type, broken.value, broken.tb.tb_next)
    assert PASSWORD not in reporter.get_traceback_html()
