"""Deferred foreign keys checked before the commit, in the background of a block."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from licensing.pools.operations.checking import keys_checked_meanwhile
from licensing.subscriptions.models import ActivationKey
from tests.factories.licensing import KeyFactory


def strand(key):
    """Point a key to a missing entitlement; the deferred constraint accepts it until checked."""
    ActivationKey.objects.filter(pk=key.pk).update(source_id=0)


@transaction.atomic
def strand_and_check(key, done):
    strand(key)
    with keys_checked_meanwhile():
        done.append("meanwhile")


@transaction.atomic
def check_and_strand(key):
    with keys_checked_meanwhile():
        pass
    strand(key)  # not raised yet
    raise ZeroDivisionError


def test_a_dangling_reference_is_raised_at_the_end_of_the_block(nimes):
    key, done = KeyFactory(), []
    with pytest.raises(IntegrityError):
        strand_and_check(key, done)
    assert done == ["meanwhile"]


def test_what_is_written_afterwards_is_checked_at_the_commit_as_ever(nimes):
    key = KeyFactory()
    with pytest.raises(ZeroDivisionError):
        check_and_strand(key)
    key.refresh_from_db()
    assert key.source_id != 0


def test_the_block_s_own_exception_wins(nimes):
    with pytest.raises(ZeroDivisionError), transaction.atomic(), keys_checked_meanwhile():
        raise ZeroDivisionError
    assert not ActivationKey.objects.exists()  # the connection is usable again
