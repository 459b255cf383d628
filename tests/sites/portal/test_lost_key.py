"""« Je n'ai pas reçu ma clé »: one answer for every school; keys are resent to the recorded address."""

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from collectivities.models import AuditEntry
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.orders import operations as orders
from licensing.pools import key_emails, operations, reductions
from licensing.pools.models import Allocation
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import mark_redeemed
from tests.sites.portal.my_account_page import PAGE, visible_text

ADDRESS = "/cle-non-recue/"
ASKED = TERM + datetime.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _it_is_term(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


def allocate_key(collectivity, school, *, recipient="", left=True, **asked):
    """Allocate a key whose e-mail was sent; return the allocation."""
    with tenant_context(collectivity):
        pool = orders.grant(collectivity=collectivity, licences=10, reason="Essai", by=None, at=TERM)
        given = operations.allocate(
            pool_id=pool.pk, uai=school.pk, units=3, recipient=recipient or school.email, by=None, at=TERM, **asked
        )
        if left:
            Message.objects.update(state=MessageState.SENT, sent_at=TERM)
        return given


def run_jobs(uai, *schemas, at=ASKED):
    """Run the queued jobs."""
    with schema_context("public"):
        found = key_emails.queue_lost_keys(uai=uai, at=at)
    for collectivity in schemas:
        with tenant_context(collectivity):
            key_emails.resend_lost_keys(uai=uai, at=at)
    return found


def pending_recipients(collectivity):
    """Return the recipients of the collectivity's pending e-mails."""
    with tenant_context(collectivity):
        return list(Message.objects.filter(state=MessageState.QUEUED, kind="key").values_list("recipient", flat=True))


def jobs():
    return [(job.task_name, job.args) for job in ProcrastinateJob.objects.filter(task_name__contains="lost")]


# --- The page -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_school_gets_the_same_answer_and_queries(portal, nimes, django_assert_num_queries):
    """A pending key, a redeemed one, none, no mailbox: the answers are identical."""
    waits, redeemed, nothing = SchoolFactory(), SchoolFactory(), SchoolFactory(email="")
    allocate_key(nimes, waits)
    allocation = allocate_key(nimes, redeemed)
    mark_redeemed(allocation, PrincipalFactory())
    seen = set()
    portal.post(ADDRESS, {"uai": "0300000A"})
    counted = None
    for school in (waits, redeemed, nothing):
        with django_assert_num_queries(counted or 6, exact=counted is not None) as queries:
            answer = portal.post(ADDRESS, {"uai": school.pk})
        counted = len(queries)
        seen.add((answer.status_code, answer["Location"], answer.content))
    assert len(seen) == 1
    assert [args for _, args in jobs()] == [
        {"schema": "public", "uai": school.pk} for school in (waits, redeemed, nothing)
    ]
    assert pending_recipients(nimes) == []
    page = visible_text(portal.get(answer["Location"]))
    assert "Si une clé attend cet établissement" in page
    assert waits.name not in page


def test_the_school_is_searched_without_scripts_as_at_sign_up(portal):
    school = SchoolFactory(name="École des Garrigues")
    page = portal.post(ADDRESS, {"school_query": "garrigues", "rechercher": "1"}).content.decode()
    assert f'value="{school.pk}"' in page
    assert not jobs()


@pytest.mark.parametrize("uai", ["", "0300000X", "é" * 50])
def test_a_school_must_be_chosen(portal, db, uai):
    answer = portal.post(ADDRESS, {"uai": uai})
    assert answer.status_code == 422
    assert not jobs()


@pytest.mark.slow
def test_a_network_may_ask_for_ten_schools_an_hour(portal):
    school = SchoolFactory()
    for _ in range(10):
        portal.post(ADDRESS, {"uai": school.pk})
    answer = portal.post(ADDRESS, {"uai": school.pk})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 3000
    assert len(jobs()) == 10


@pytest.mark.slow
def test_the_page_is_linked_from_the_home_the_faq_and_my_account(portal, db):
    for page in ("/", "/faq/"):
        assert f'href="{ADDRESS}"' in portal.get(page).content.decode()
    portal.force_login(PrincipalFactory())
    assert f'href="{ADDRESS}"' in portal.get(PAGE).content.decode()


# --- The task -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_collectivity_sends_its_waiting_keys_again_to_the_address_on_record(nimes, gard):
    school = SchoolFactory()
    allocate_key(nimes, school)
    allocate_key(gard, school, recipient="secretariat@gard.example")
    allocate_key(nimes, SchoolFactory())
    assert run_jobs(school.pk, nimes, gard) == 2
    assert {(args["schema"], args["uai"]) for _, args in jobs()} == {
        (nimes.schema_name, school.pk), (gard.schema_name, school.pk),
    }  # fmt: skip
    assert pending_recipients(nimes) == [school.email]
    assert pending_recipients(gard) == ["secretariat@gard.example"]


def test_a_job_that_runs_twice_sends_once(nimes):
    school = SchoolFactory()
    allocate_key(nimes, school)
    run_jobs(school.pk, nimes)
    with tenant_context(nimes):
        Message.objects.update(state=MessageState.SENT, sent_at=ASKED)
        key_emails.resend_lost_keys(uai=school.pk, at=ASKED)
        assert Message.objects.count() == 2


def test_the_journal_says_that_the_system_resent_it_and_why(nimes):
    school = SchoolFactory()
    allocate_key(nimes, school)
    run_jobs(school.pk, nimes)
    entry = AuditEntry.objects.get(action="keys.resent")
    assert (entry.actor_id, entry.school_id) == (None, school.pk)
    assert "sur le portail" in entry.summary


def test_a_school_is_written_to_once_a_day(nimes):
    school = SchoolFactory()
    allocate_key(nimes, school)
    day = datetime.timedelta(days=1)
    assert [run_jobs(school.pk, at=TERM + number * day / 2) for number in range(4)] == [1, 0, 1, 0]


@pytest.mark.parametrize("state", ["redeemed", "revoked", "suspended", "expired", "provisional", "not left"])
def test_keys_in_other_states_are_not_resent(nimes, state):
    school = SchoolFactory()
    allocation = allocate_key(nimes, school, left=state != "not left")
    entitlement = Entitlement.objects.filter(pk=allocation.pool.entitlement_id)
    yesterday = TERM.date() - datetime.timedelta(days=1)
    if state == "redeemed":
        mark_redeemed(allocation, PrincipalFactory())
    elif state == "revoked":
        reductions.revoke(allocation_id=allocation.pk, by=None, at=TERM)
        Message.objects.filter(kind="key").update(state=MessageState.SENT, sent_at=TERM)
    elif state == "suspended":
        entitlement.update(suspended_at=TERM)
    elif state == "expired":
        entitlement.update(first_day=yesterday, last_day=yesterday)
    elif state == "provisional":
        entitlement.update(provisional_until=yesterday)
    before = Message.objects.count()
    assert run_jobs(school.pk, nimes) == (1 if state == "not left" else 0)
    assert Message.objects.count() == before
    assert not AuditEntry.objects.filter(action="keys.resent").exists()


def test_a_key_resent_to_another_address_does_not_verify(nimes):
    school = SchoolFactory()
    allocation = allocate_key(nimes, school, recipient="mairie@nimes.example")
    run_jobs(school.pk, nimes)
    assert ActivationKey.objects.get(pk=allocation.key_id).exposed_at is not None
    assert Allocation.objects.get().recipient == "mairie@nimes.example"


def test_a_key_sent_again_to_the_school_still_verifies(nimes):
    school = SchoolFactory()
    allocation = allocate_key(nimes, school)
    run_jobs(school.pk, nimes)
    assert ActivationKey.objects.get(pk=allocation.key_id).exposed_at is None
    assert timezone.now() == TERM
