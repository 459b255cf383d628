"""Handing a school's subscriptions over to a new principal, also during concurrent actions."""

import datetime
import threading
from functools import partial

import pytest
from django.db import transaction

from core.exceptions import DomainError
from licensing.entitlements import operations
from licensing.entitlements.models import Subscription
from licensing.entitlements.queries import administered_by
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory
from tests.races import run_concurrently, wait_for_blocked_session
from tests.schools.principals import is_verified, send_link
from tests.waits import wait_until

SECOND = datetime.timedelta(seconds=1)


def hand_over(jaures, successor, *, predecessors):
    return operations.confirm_principal(
        token=send_link(successor, jaures.school), replaced=[user.pk for user in predecessors], kept=[], at=TERM
    )


def administered(user):
    return Subscription.objects.filter(administered_by(user)).count()


@pytest.mark.slow
def test_subscriptions_of_other_schools_and_principals_are_not_handed_over(jaures):
    jaures.subscription()
    elsewhere = AffiliationFactory(user=jaures.principal).school
    Subscription.objects.filter(pk=jaures.subscription()[1].pk).update(school=elsewhere)
    unverified = jaures.add_principal()
    Subscription.objects.filter(pk=jaures.subscription()[1].pk).update(principal=unverified)
    successor = jaures.add_principal()
    hand_over(jaures, successor, predecessors=[jaures.principal])
    assert [one.principal for one in Subscription.objects.order_by("pk")] == [successor, jaures.principal, unverified]
    # A principal who redeemed an exposed key keeps access; the verified principal shares it.
    assert (administered(successor), administered(jaures.principal), administered(unverified)) == (2, 1, 1)


def test_the_key_keeps_who_activated_it(jaures):
    _, subscription = jaures.subscription()
    hand_over(jaures, jaures.add_principal(), predecessors=[jaures.principal])
    subscription.key.refresh_from_db()
    assert subscription.key.redeemed_by == jaures.principal


def test_who_never_belonged_to_the_school_administers_nothing_of_it(jaures):
    jaures.subscription()
    assert administered(PrincipalFactory()) == 0


@pytest.mark.parametrize(("since_handover", "verified"), [(datetime.timedelta(0), False), (SECOND, True)])
def test_a_key_from_before_a_handover_verifies_its_predecessor_no_more(jaures, since_handover, verified):
    jaures.subscription()
    hand_over(jaures, jaures.add_principal(), predecessors=[jaures.principal])
    code, _ = jaures.key(issued_at=TERM + since_handover)
    operations.redeem(code=code, by=jaures.principal, at=TERM + SECOND)
    assert is_verified(jaures.principal, jaures.school) is verified


@pytest.mark.slow
def test_a_predecessor_redeems_a_key_while_being_replaced(committed_jaures):
    jaures = committed_jaures
    jaures.subscription()
    code, _ = jaures.key(issued_at=TERM)
    predecessor, successor = jaures.principal, jaures.add_principal()
    token = send_link(successor, jaures.school)
    outcomes = run_concurrently(
        "public",
        [
            partial(operations.confirm_principal, token=token, replaced=[predecessor.pk], kept=[], at=TERM),
            partial(operations.redeem, code=code, by=predecessor, at=TERM),
        ],
        expected_errors=DomainError,
    )
    assert not any(isinstance(outcome, Exception) for outcome in outcomes)
    assert (is_verified(successor, jaures.school), is_verified(predecessor, jaures.school)) == (True, False)
    assert administered(successor) == 2


@pytest.mark.slow
def test_a_subscription_that_is_being_credited_is_transferred_too(committed_jaures):
    """The handover waits for the redemption, whose subscription it would else not see."""
    jaures = committed_jaures
    jaures.subscription()
    # Exposed: it verifies nobody, so that the principals stay as the page showed them.
    code, _ = jaures.key(issued_at=TERM, exposed_at=TERM)
    predecessor, successor = jaures.principal, jaures.add_principal()
    token = send_link(successor, jaures.school)
    redeemed = threading.Event()

    def redeem():
        with transaction.atomic():
            subscription = operations.redeem(code=code, by=predecessor, at=TERM)
            redeemed.set()
            wait_for_blocked_session()
        return subscription

    def hand_over_meanwhile():
        wait_until(redeemed.is_set)
        return operations.confirm_principal(token=token, replaced=[predecessor.pk], kept=[], at=TERM)

    subscription, _ = run_concurrently("public", [redeem, hand_over_meanwhile], expected_errors=())
    subscription.refresh_from_db()
    assert subscription.principal == successor
