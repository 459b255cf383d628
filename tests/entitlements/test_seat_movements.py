"""Invariant 53 under real threads and real commits: the movements of a seat add up to who holds it."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from core.exceptions import DomainError
from licensing.entitlements import operations, personal_data
from licensing.entitlements.models import Seat
from tests.conftest import TERM
from tests.races import run_concurrently
from tests.sites.audit.violations import list_all_violations
from tests.tiers import sampled


@pytest.mark.parametrize("turn", sampled(range(4), fast=1))
def test_a_seat_is_withdrawn_and_left_and_given_at_once(committing, committed_jaures, turn):
    _, subscription = committed_jaures.subscription(units=1)
    leaving, coming = committed_jaures.teacher(), committed_jaures.teacher()
    by = committed_jaures.principal
    give = functools.partial(operations.assign, subscription_id=subscription.pk, by=by, at=TERM)
    seat = give(teacher=leaving)
    actions: list[Callable[..., Any]] = [
        functools.partial(operations.release, seat_id=seat.pk, by=by, at=TERM),
        functools.partial(personal_data.release_all_seats, leaving, at=TERM),
        functools.partial(give, teacher=coming),
    ]
    run_concurrently(committing.schema_name, actions * 5, expected_errors=DomainError)
    assert "seat_movements" not in list_all_violations()
    # Whoever was last: given, or withdrawn from.
    assert Seat.objects.get().events.count() % 2 == (Seat.objects.get().holder_id is not None)
