"""Revoking, resending, reminding, revealing a key."""

import datetime

import pytest
from django.db import IntegrityError, transaction

from collectivities.models import AuditEntry
from core.exceptions import DomainError
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools import key_emails, reductions
from licensing.pools.models import Pool
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent
from tests.refusals import refuses

LATER = TERM + datetime.timedelta(days=20)


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=10, reason="Essai", by=None, at=TERM)


@pytest.fixture
def allocation(pool):
    return allocate_units(pool, SchoolFactory())


def test_a_revoked_allocation_returns_its_licences_and_its_email_never_leaves(pool, allocation):
    agent = UserFactory()
    revoked = reductions.revoke(allocation_id=allocation.pk, by=agent, at=LATER)
    assert (revoked.revoked_at, revoked.revoked_by_id, revoked.key.revoked_at) == (LATER, agent.pk, LATER)
    assert Pool.objects.get().allocated == 0
    assert Message.objects.get().state == MessageState.CANCELLED
    assert AuditEntry.objects.filter(action="pools.revoked", school_id=allocation.school_id).exists()


def test_revoking_twice_is_once(pool, allocation):
    reductions.revoke(allocation_id=allocation.pk, by=None, at=LATER)
    reductions.revoke(allocation_id=allocation.pk, by=None, at=LATER)
    assert Pool.objects.get().allocated == 0
    assert AuditEntry.objects.filter(action="pools.revoked").count() == 1


def test_a_school_that_received_the_key_is_emailed_that_it_is_void(allocation):
    mark_sent()
    reductions.revoke(allocation_id=allocation.pk, by=None, at=LATER)
    message = Message.objects.get(state=MessageState.QUEUED)
    assert (message.kind, message.recipient) == ("key_revoked", allocation.recipient)


def test_a_redeemed_key_is_not_taken_back(pool, allocation):
    mark_redeemed(allocation, PrincipalFactory())
    with refuses("already_redeemed", match="activée le 24\u00a0novembre 2026"):
        reductions.revoke(allocation_id=allocation.pk, by=None, at=LATER)
    assert Pool.objects.get().allocated == 3


def test_the_database_itself_refuses_a_key_both_redeemed_and_revoked(allocation):
    mark_redeemed(allocation, PrincipalFactory())
    with pytest.raises(IntegrityError), transaction.atomic():
        ActivationKey.objects.update(revoked_at=LATER)


def test_the_school_of_a_revoked_allocation_can_be_served_again_with_another_key(pool, allocation):
    reductions.revoke(allocation_id=allocation.pk, by=None, at=LATER)
    again = allocate_units(pool, allocation.school, units=1, at=LATER)
    assert again.pk != allocation.pk
    assert again.key_id != allocation.key_id


def test_in_bulk_each_has_its_result(pool):
    free, redeemed = allocate_units(pool, SchoolFactory()), allocate_units(pool, SchoolFactory())
    mark_redeemed(redeemed, PrincipalFactory())
    results = reductions.revoke_many(allocation_ids=[free.pk, redeemed.pk, 10**9], by=None, at=LATER)
    codes = {result.allocation_id: result.refusal.code if result.refusal else None for result in results}
    assert codes == {free.pk: None, redeemed.pk: "already_redeemed", 10**9: "unknown_allocation"}
    assert Pool.objects.get().allocated == 3


def test_a_resend_is_a_new_message_with_the_same_key(allocation):
    mark_sent()
    before = unseal_key(allocation.key)
    message = key_emails.resend(allocation_id=allocation.pk, by=None, at=LATER)
    assert (message.kind, message.state, message.recipient) == ("key", "queued", allocation.recipient)
    assert Message.objects.count() == 2
    allocation.key.refresh_from_db()
    assert unseal_key(allocation.key) == before
    assert allocation.key.exposed_at is None


def test_a_corrected_address_is_kept_and_exposes_the_key(allocation):
    key_emails.resend(allocation_id=allocation.pk, recipient=" autre@exemple.example ", by=None, at=LATER)
    allocation.refresh_from_db()
    assert allocation.recipient == "autre@exemple.example"
    assert allocation.key.exposed_at == LATER
    assert dict(Message.objects.values_list("recipient", "state")) == {
        allocation.school.email: "cancelled",
        "autre@exemple.example": "queued",
    }


def test_a_wrong_correction_is_refused(allocation):
    with pytest.raises(DomainError, match="pas une adresse"):
        key_emails.resend(allocation_id=allocation.pk, recipient="autre@", by=None, at=LATER)


@pytest.mark.slow
@pytest.mark.parametrize("act", [key_emails.resend, key_emails.remind])
def test_nothing_is_written_about_a_key_that_is_used_void_or_suspended(pool, act):
    sent_to = {name: allocate_units(pool, SchoolFactory(), units=1) for name in ("redeemed", "revoked", "suspended")}
    mark_sent()
    mark_redeemed(sent_to["redeemed"], PrincipalFactory())
    reductions.revoke(allocation_id=sent_to["revoked"].pk, by=None, at=LATER)
    pool.entitlement.suspended_at = TERM
    pool.entitlement.save()
    codes = []
    for allocation in sent_to.values():
        with pytest.raises(DomainError) as refusal:
            act(allocation_id=allocation.pk, by=None, at=LATER)
        codes.append(refusal.value.code)
    assert codes == ["already_redeemed", "already_revoked", "pool_suspended"]


@pytest.mark.slow
def test_a_reminder_follows_an_email_that_left_once_a_day(allocation):
    with refuses("not_yet_sent"):
        key_emails.remind(allocation_id=allocation.pk, by=None, at=LATER)
    mark_sent()
    key_emails.remind(allocation_id=allocation.pk, by=None, at=LATER)
    assert Message.objects.get(kind="key_reminder").state == "queued"
    with refuses("reminded_today"):
        key_emails.remind(allocation_id=allocation.pk, by=None, at=LATER)
    tomorrow = LATER + datetime.timedelta(days=1)
    with refuses("written_this_week"):
        key_emails.remind(allocation_id=allocation.pk, by=None, at=tomorrow)
    key_emails.remind(allocation_id=allocation.pk, by=None, at=tomorrow, anyway=True)
    key_emails.remind(allocation_id=allocation.pk, by=None, at=LATER + datetime.timedelta(days=8))


def test_showing_a_key_is_recorded_and_exposes_it(allocation):
    agent = UserFactory()
    shown = key_emails.reveal(allocation_id=allocation.pk, by=agent, at=LATER)
    assert shown == unseal_key(allocation.key)
    allocation.key.refresh_from_db()
    assert allocation.key.exposed_at == LATER
    entry = AuditEntry.objects.get(action="keys.revealed")
    assert (entry.actor_id, entry.school_id) == (agent.pk, allocation.school_id)
    assert shown not in entry.summary


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 12])
def test_bulk_statements_do_not_grow(nimes, count, django_assert_max_num_queries):
    pool = orders.grant(collectivity=nimes, licences=100, reason="Essai", by=None, at=TERM)
    given = [allocate_units(pool, SchoolFactory()).pk for _ in range(count)]
    mark_sent()
    with django_assert_max_num_queries(14):
        key_emails.remind_many(allocation_ids=given, by=None, at=LATER)
    with django_assert_max_num_queries(14):
        key_emails.resend_many(allocation_ids=given, by=None, at=LATER)
    with django_assert_max_num_queries(22):
        reductions.revoke_many(allocation_ids=given, by=None, at=LATER)
