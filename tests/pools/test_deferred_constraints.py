"""Deferred foreign keys checked before the commit, in the background of a block."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from licensing.entitlements.models import ActivationKey
from licensing.pools.operations.deferred_constraints import check_constraints_in_background
from tests.factories.licensing import KeyFactory


def break_reference(key):
    """Point a key to a missing entitlement; the deferred constraint accepts it until checked."""
    ActivationKey.objects.filter(pk=key.pk).update(entitlement_id=0)


@transaction.atomic
def break_then_check(key, done):
    break_reference(key)
    with check_constraints_in_background():
        done.append("meanwhile")


@transaction.atomic
def check_then_break(key):
    with check_constraints_in_background():
        pass
    break_reference(key)  # not raised yet
    raise ZeroDivisionError


def test_a_dangling_reference_is_raised_at_the_end_of_the_block(nimes):
    key, done = KeyFactory(), []
    with pytest.raises(IntegrityError):
        break_then_check(key, done)
    assert done == ["meanwhile"]


def test_what_is_written_afterwards_is_checked_at_the_commit_as_ever(nimes):
    key = KeyFactory()
    with pytest.raises(ZeroDivisionError):
        check_then_break(key)
    key.refresh_from_db()
    assert key.entitlement_id != 0


def test_the_block_s_own_exception_wins(nimes):
    with pytest.raises(ZeroDivisionError), transaction.atomic(), check_constraints_in_background():
        raise ZeroDivisionError
    assert not ActivationKey.objects.exists()  # the connection is usable again
