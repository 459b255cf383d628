"""Invariant 2 under real threads: one letter, however many use it at once, makes one account."""

import functools

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password

from accounts.models import User
from core.exceptions import DomainError
from licensing.entitlements import mailbox_proof, operations
from licensing.entitlements.models import Subscription
from schools.models import Affiliation
from tests.conftest import TERM
from tests.races import run_concurrently


def list_refusals(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes if isinstance(outcome, Exception))


def create_from_letter(code, key, number):
    person = operations.NewPrincipal(f"Camille {number}", "Martin", make_password("trois-petits-chats"))
    return operations.create_account_and_redeem(
        code=code, token=mailbox_proof.sign(key, "ce.0300001a@exemple.example"), person=person, host="h", at=TERM
    )


@pytest.mark.slow
def test_eight_people_who_use_one_letter_at_once_make_one_account(committing, committed_jaures):
    code, key = committed_jaures.key()
    outcomes = run_concurrently(
        committing.schema_name,
        [functools.partial(create_from_letter, code, key, number) for number in range(8)],
        expected_errors=DomainError,
    )
    assert list_refusals(outcomes) == ["KeyAlreadyRedeemed"] * 7
    assert Subscription.objects.count() == 1
    # Who came late left nothing: no account, no address, no school.
    assert User.objects.filter(last_name="Martin").count() == 1
    assert EmailAddress.objects.count() == 1
    assert Affiliation.objects.filter(user__last_name="Martin").count() == 1


def test_a_letter_and_two_tabs_of_an_account_redeem_its_key_once(committing, committed_jaures):
    code, key = committed_jaures.key()
    redeem = functools.partial(operations.redeem, code=code, by=committed_jaures.principal, at=TERM)
    outcomes = run_concurrently(
        committing.schema_name,
        [redeem, functools.partial(create_from_letter, code, key, 1), redeem],
        expected_errors=DomainError,
    )
    assert list_refusals(outcomes) == ["KeyAlreadyRedeemed"] * 2
    assert Subscription.objects.get().seats.count() == 3
