"""Growing delays: counted exactly, also at once; forgotten with time; never prolonged by whoever does not wait."""

import datetime
import functools
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from accounts import attempt_delays
from accounts.attempt_delays import AttemptTooEarly, DelayRule
from accounts.models import AttemptDelay
from tests.accounts.waiting import let_pass
from tests.races import run_concurrently, wait_for_blocked_session

SECOND = datetime.timedelta(seconds=1)
MINUTE = 60 * SECOND
CLOSE = DelayRule("close", 3, 10 * MINUTE, first=5 * SECOND, longest=MINUTE)
WIDE = DelayRule("wide", 10, 10 * MINUTE, first=5 * SECOND, longest=MINUTE)
COUNT = DelayRule("count", 4, 10 * MINUTE)


def fail(times=1, subjects=((CLOSE, "1"),)):
    """Fail so many times; return the last attempt."""
    for _ in range(times):
        attempt = attempt_delays.begin(subjects)
    return attempt


def get_wait(subjects=((CLOSE, "1"),)):
    """Return the seconds to wait, 0 where the attempt is counted."""
    try:
        attempt_delays.begin(subjects)
    except AttemptTooEarly as refusal:
        return refusal.retry_after
    return 0


def test_waits_double_from_the_first_to_the_longest(db):
    fail(3)
    waits = []
    for _ in range(6):
        waits.append(get_wait())
        let_pass(waits[-1] * SECOND)
        assert get_wait() == 0
    assert waits == [5, 10, 20, 40, 60, 60]


def test_a_refused_attempt_prolongs_nothing(db):
    fail(3)
    [before] = AttemptDelay.objects.values("empties_at", "open_at")
    assert [get_wait() for _ in range(20)] == [5] * 20
    [after] = AttemptDelay.objects.values("empties_at", "open_at", "refused")
    assert after == before | {"refused": 20}


def test_the_next_attempt_that_counts_tells_how_many_were_refused(db):
    fail(3)
    for _ in range(4):
        get_wait()
    let_pass(5 * SECOND)
    assert (fail().refused, AttemptDelay.objects.get().refused) == (4, 0)


def test_one_failure_is_forgotten_after_the_other(db):
    fail(3)
    let_pass(10 * MINUTE)
    assert fail().counted[0].failures == 3
    let_pass(2 * 10 * MINUTE)
    assert fail().counted[0].failures == 2
    let_pass(datetime.timedelta(days=1))
    assert fail().counted[0].failures == 1


def test_no_more_failures_are_remembered_than_lead_to_the_longest_wait(db):
    for _ in range(40):
        fail()
        let_pass(MINUTE)
    let_pass((CLOSE.max_failures - CLOSE.free + 1) * 10 * MINUTE)
    assert [get_wait() for _ in range(2)] == [0, 5]


def test_an_attempt_refused_for_one_subject_is_counted_for_none(db):
    fail(3, [(CLOSE, "1"), (WIDE, "all")])
    assert get_wait([(CLOSE, "1"), (WIDE, "all")]) == 5
    assert attempt_delays.begin([(WIDE, "all")]).counted[0].failures == 4


def test_a_success_takes_back_the_failures_before_it_for_all_subjects(db):
    fail(2, [(CLOSE, "2"), (WIDE, "all")])
    fail(2, [(CLOSE, "1"), (WIDE, "all")])
    fail(1, [(CLOSE, "1"), (WIDE, "all")]).take_back()
    # Those of the other subject stay.
    assert attempt_delays.begin([(WIDE, "all")]).counted[0].failures == 3
    assert fail(3).counted[0].failures == 3


def test_a_success_makes_nobody_wait(db):
    fail(9, [(WIDE, "all")])
    attempt_delays.begin([(CLOSE, "1"), (WIDE, "all")]).take_back()
    assert get_wait([(WIDE, "all")]) == 0


def test_a_success_ends_no_wait_that_others_began(db):
    own = attempt_delays.begin([(CLOSE, "1"), (WIDE, "all")])
    fail(9, [(WIDE, "all")])
    own.take_back()
    assert get_wait([(WIDE, "all")]) == 5


def test_a_rule_without_waits_tells_once_when_its_number_is_reached(db):
    reached = [attempt_delays.begin([(COUNT, "tulipe-5837")]).has_just_reached(COUNT) for _ in range(9)]
    assert reached == [False, False, False, True, False, False, False, False, False]


def test_an_attempt_takes_two_statements_whatever_its_subjects(db, django_assert_num_queries):
    AttemptDelay.objects.exists()  # the first query of a test says which schema it is in
    with django_assert_num_queries(4):  # two of them are the savepoint of the transaction
        attempt_delays.begin([(CLOSE, "1"), (WIDE, "all"), (COUNT, "1")])


def test_delays_hold_no_personal_data(db):
    fail(1, [(CLOSE, "jean.dupont"), (WIDE, "192.0.2.1")])
    stored = str(list(AttemptDelay.objects.values()))
    assert "dupont" not in stored
    assert "192.0.2.1" not in stored


def test_forgotten_failures_are_deleted_and_others_stay(db):
    fail(1, [(CLOSE, "1")])
    let_pass(10 * MINUTE)
    fail(1, [(CLOSE, "2")])
    assert attempt_delays.prune() == 1
    assert AttemptDelay.objects.count() == 1


@pytest.mark.parametrize(
    ("seconds", "result"), [(0.2, "1 seconde"), (39.2, "40 secondes"), (60, "60 secondes"), (61, "2 minutes")]
)
def test_a_delay_in_words(seconds, result):
    assert attempt_delays.format_delay(seconds * SECOND) == result


@pytest.mark.slow
def test_of_thirty_two_attempts_at_once_only_the_free_ones_are_counted(committing):
    subjects = [(CLOSE, "1"), (WIDE, "all"), (COUNT, "1")]
    outcomes = run_concurrently(
        committing.schema_name,
        [functools.partial(attempt_delays.begin, subjects) for turn in range(32)],
        expected_errors=AttemptTooEarly,
    )
    assert sum(isinstance(outcome, attempt_delays.CountedAttempt) for outcome in outcomes) == CLOSE.free
    assert AttemptDelay.objects.get(scope="close").refused == 32 - CLOSE.free
    assert attempt_delays.begin([(WIDE, "all")]).counted[0].failures == CLOSE.free + 1


@pytest.mark.slow
def test_attempts_at_once_that_name_the_same_subjects_in_another_order_do_not_deadlock(committing):
    subjects = [(COUNT, str(number)) for number in range(12)]
    for _ in range(3):
        actions = [functools.partial(attempt_delays.begin, subjects[:: 1 if turn % 2 else -1]) for turn in range(16)]
        run_concurrently(committing.schema_name, actions, expected_errors=())
    assert {row.failures for row in attempt_delays.begin(subjects).counted} == {COUNT.max_failures}


def test_sweeping_waits_for_no_attempt_and_takes_no_row_from_it(committing):
    fail()
    let_pass(datetime.timedelta(days=1))
    with ThreadPoolExecutor(1) as thread, transaction.atomic():
        list(AttemptDelay.objects.select_for_update())
        sweeping = thread.submit(sweep)
        wait_for_blocked_session(unless=sweeping.done)
        assert sweeping.done()
        assert sweeping.result() == 0
    assert attempt_delays.prune() == 1


def sweep():
    """Prune on a connection of its own."""
    with closing(connection), schema_context("public"):
        return attempt_delays.prune()


@pytest.mark.slow
def test_attempts_at_once_at_many_accounts_all_count_for_their_network(committing):
    outcomes = run_concurrently(
        committing.schema_name,
        [functools.partial(attempt_delays.begin, [(CLOSE, str(turn)), (WIDE, "all")]) for turn in range(32)],
        expected_errors=AttemptTooEarly,
    )
    assert sum(isinstance(outcome, attempt_delays.CountedAttempt) for outcome in outcomes) == WIDE.free


def test_successes_and_failures_at_once_leave_the_failures_alone(committing):
    def succeed(turn):
        attempt_delays.begin([(CLOSE, f"right {turn}"), (WIDE, "all")]).take_back()

    def mistype(turn):
        attempt_delays.begin([(WIDE, "all"), (CLOSE, f"wrong {turn}")])

    actions = [functools.partial(succeed if turn % 4 else mistype, turn) for turn in range(9)]
    run_concurrently(committing.schema_name, actions, expected_errors=())
    assert attempt_delays.begin([(WIDE, "all")]).counted[0].failures == 3 + 1
