"""Entering a key: guesses are rate-limited by account and by IP address; typos and real keys are not."""

import datetime

import pytest
from django.views.debug import ExceptionReporter

from core.exceptions import DomainError
from licensing.entitlements import code_sealing, exceptions, keys, operations
from licensing.entitlements.models import Seat, Subscription
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.refusals import refuses

ADDRESS = "192.0.2.1"


def enter(code, by, at=TERM, address=ADDRESS):
    return operations.enter_key(code=code, by=by, address=address, at=at)


def guess(by, times, address=ADDRESS, at=TERM):
    for _ in range(times):
        with pytest.raises(exceptions.UnknownKey):
            enter(keys.generate(), by, at, address)


@pytest.mark.slow
def test_a_principal_redeems_and_a_teacher_claims(jaures):
    code, _ = jaures.key()
    assert isinstance(enter(code, jaures.principal), Subscription)
    assert isinstance(enter(code, TeacherFactory()), Seat)


@pytest.mark.slow
def test_ten_guesses_an_hour_for_an_account(jaures):
    code, _ = jaures.key()
    guess(jaures.principal, 10)
    with pytest.raises(exceptions.TooManyGuesses, match="patientez 1 heure") as refusal:
        enter(code, jaures.principal)
    assert refusal.value.retry_after == 3600
    assert enter(code, jaures.principal, at=TERM + datetime.timedelta(hours=1))


@pytest.mark.slow
def test_another_account_at_another_address_is_not_concerned(jaures):
    code, _ = jaures.key()
    guess(TeacherFactory(), 10)
    assert enter(code, jaures.principal, address="192.0.2.2")


@pytest.mark.slow
def test_thirty_guesses_an_hour_from_an_address(jaures):
    for _ in range(3):
        guess(PrincipalFactory(), 10)
    with pytest.raises(exceptions.TooManyGuesses):
        enter(keys.generate(), PrincipalFactory())


def test_typos_are_not_counted_and_touch_nothing(jaures, django_assert_num_queries):
    with django_assert_num_queries(0):
        for _ in range(20):
            with refuses("typo"):
                enter("NIMES-7K3M-Q9TX-0000", jaures.principal)


@pytest.mark.slow
def test_keys_that_exist_are_not_counted_whatever_the_answer(jaures):
    code, _ = jaures.key(revoked_at=TERM)
    for _ in range(20):
        with refuses("key_revoked"):
            enter(code, jaures.principal)


def test_a_key_never_stands_in_an_error_report(jaures, rf, monkeypatch):
    code, _ = jaures.key()

    def fail(symbols):
        raise RuntimeError("the sealing key is gone")

    monkeypatch.setattr(code_sealing, "seal_under_all_keys", fail)
    with pytest.raises(RuntimeError) as error:
        enter(keys.display("NIMES", code), jaures.principal)
    report = ExceptionReporter(rf.post("/"), error.type, error.value, error.tb)
    ours = [frame for frame in report.get_traceback_frames() if "licensing" in frame["filename"]]
    assert len(ours) >= 3
    for frame in ours:
        assert code not in str(frame["vars"])
        assert keys.display("", code) not in str(frame["vars"])


def test_a_key_never_stands_in_a_refusal_or_a_repr(jaures):
    code, key = jaures.key()
    stranger = PrincipalFactory()
    with pytest.raises(DomainError) as refusal:
        enter(code, stranger)
    for text in (str(refusal.value), repr(refusal.value), str(key), repr(key)):
        assert code not in text
        assert keys.display("", code) not in text
