"""Rate limits: exact, even under concurrency."""

import contextlib
import datetime
import functools

import pytest

from accounts import throttling
from accounts.models import Throttle
from tests.conftest import TERM
from tests.races import run_concurrently

HOUR = datetime.timedelta(hours=1)
BY_ACCOUNT = throttling.RateLimit("essai/compte", 3, HOUR)
BY_ADDRESS = throttling.RateLimit("essai/adresse", 5, 2 * HOUR)


def test_an_attempt_over_the_limit_is_refused_with_the_time_to_wait(db, caplog):
    for minute in range(3):
        throttling.count_attempts([(BY_ACCOUNT, "1")], at=TERM + datetime.timedelta(minutes=minute))
    with pytest.raises(throttling.RateLimitExceeded, match="patientez 50 minutes") as throttled:
        throttling.count_attempts([(BY_ACCOUNT, "1")], at=TERM + datetime.timedelta(minutes=10))
    assert throttled.value.retry_after == 50 * 60
    assert caplog.messages == ["Refused beyond the limit of essai/compte"]


def test_several_attempts_are_counted_at_once(db):
    throttling.count_attempts([(BY_ACCOUNT, "1")], at=TERM)
    throttling.count_attempts([(BY_ACCOUNT, "1")], at=TERM, tries=BY_ACCOUNT.tries - 1)
    with pytest.raises(throttling.RateLimitExceeded):
        throttling.count_attempts([(BY_ACCOUNT, "1")], at=TERM)
    with pytest.raises(throttling.RateLimitExceeded):
        throttling.count_attempts([(BY_ACCOUNT, "2")], at=TERM, tries=BY_ACCOUNT.tries + 1)


def test_other_subjects_are_not_limited(db):
    for _ in range(3):
        throttling.count_attempts([(BY_ACCOUNT, "1")], at=TERM)
    throttling.count_attempts([(BY_ACCOUNT, "2")], at=TERM)


def test_a_new_window_opens_when_the_old_one_has_passed(db):
    for _ in range(4):
        with contextlib.suppress(throttling.RateLimitExceeded):
            throttling.count_attempts([(BY_ACCOUNT, "1")], at=TERM)
    throttling.count_attempts([(BY_ACCOUNT, "1")], at=TERM + HOUR)
    assert Throttle.objects.get().tries == 1


def test_an_address_is_limited_across_accounts(db):
    for account in range(5):
        throttling.count_attempts([(BY_ACCOUNT, str(account)), (BY_ADDRESS, "192.0.2.1")], at=TERM)
    with pytest.raises(throttling.RateLimitExceeded, match="2 heures"):
        throttling.count_attempts([(BY_ACCOUNT, "99"), (BY_ADDRESS, "192.0.2.1")], at=TERM)


def test_two_subjects_take_one_statement(db, django_assert_num_queries):
    Throttle.objects.exists()  # the first query of a test says which schema it is in
    with django_assert_num_queries(1):
        throttling.count_attempts([(BY_ACCOUNT, "1"), (BY_ADDRESS, "192.0.2.1")], at=TERM)


def test_a_successful_attempt_is_refunded(db):
    subjects = [(BY_ACCOUNT, "1"), (BY_ADDRESS, "192.0.2.1")]
    for _ in range(20):
        throttling.count_attempts(subjects, at=TERM)
        throttling.refund_attempts(subjects)
    assert set(Throttle.objects.values_list("tries", flat=True)) == {0}


def test_the_table_holds_no_personal_data(db):
    throttling.count_attempts([(BY_ADDRESS, "192.0.2.1")], at=TERM)
    assert "192.0.2.1" not in str(Throttle.objects.values())


def test_old_windows_are_pruned(db):
    throttling.count_attempts([(BY_ADDRESS, "192.0.2.1")], at=TERM)
    throttling.count_attempts([(BY_ADDRESS, "192.0.2.2")], at=TERM + HOUR)
    assert throttling.prune(before=TERM + HOUR) == 1
    assert Throttle.objects.count() == 1


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address, counted_as):
    assert throttling.get_network(address) == counted_as


@pytest.mark.parametrize(
    ("wait", "result"),
    [(1, "1 minute"), (60, "1 minute"), (61, "2 minutes"), (3599, "1 heure"), (3601, "2 heures")],
)
def test_a_wait_in_words(wait, result):
    assert throttling.format_wait(datetime.timedelta(seconds=wait)) == result


@pytest.mark.slow
def test_concurrent_attempts_are_all_counted(committing):
    limit = throttling.RateLimit("essai/course", 5, HOUR)
    both = [(limit, "1"), (throttling.RateLimit("essai/adresse", 100, HOUR), "192.0.2.1")]
    outcomes = run_concurrently(
        committing.schema_name,
        [functools.partial(throttling.count_attempts, both if turn % 2 else both[::-1], at=TERM) for turn in range(32)],
        expected_errors=throttling.RateLimitExceeded,
    )
    assert sum(outcome is None for outcome in outcomes) == 5


class Missed(Exception):
    """What counts as a failure."""


def fail(subjects):
    with throttling.count_failures(subjects, failure=Missed, at=TERM):
        raise Missed


def test_a_success_without_an_earlier_failure_writes_nothing(db, django_assert_num_queries):
    Throttle.objects.exists()  # the first query of a test says which schema it is in
    with django_assert_num_queries(1), throttling.count_failures([(BY_ACCOUNT, "1")], failure=Missed, at=TERM):
        pass
    assert not Throttle.objects.exists()


def test_a_success_after_a_failure_is_refunded(db):
    with pytest.raises(Missed):
        fail([(BY_ACCOUNT, "1")])
    with throttling.count_failures([(BY_ACCOUNT, "1")], failure=Missed, at=TERM):
        assert Throttle.objects.get().tries == 2
    assert Throttle.objects.get().tries == 1


def test_failures_of_a_window_that_has_passed_are_not_read(db):
    with pytest.raises(Missed):
        fail([(BY_ACCOUNT, "1")])
    assert throttling.read_counters([(BY_ACCOUNT, "1")], at=TERM + HOUR) == []


@pytest.mark.slow
def test_no_more_concurrent_failures_are_raised_than_the_limit(committing):
    outcomes = run_concurrently(
        committing.schema_name,
        [functools.partial(fail, [(BY_ACCOUNT, "1"), (BY_ADDRESS, "192.0.2.1")])] * 32,
        expected_errors=(Missed, throttling.RateLimitExceeded),
    )
    assert sum(isinstance(outcome, Missed) for outcome in outcomes) == BY_ACCOUNT.tries
