"""A collectivity asks schools for licences that nobody uses: whom it may ask, how often, and what silence means."""

import datetime
from contextlib import nullcontext

import pytest
from django.core import mail
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from accounts.models import User
from collectivities.models import AuditEntry
from licensing.entitlements.models import Entitlement, Subscription
from licensing.pools import reductions
from licensing.pools.bulk_views import LeftReason
from licensing.pools.exceptions import UnknownAllocation
from licensing.requests.returns import operations
from licensing.requests.returns.emails import list_addressees
from licensing.requests.returns.models import ANSWER_PERIOD, MIN_PAUSE, ReturnRequest
from licensing.requests.returns.operations import UnknownReturnRequest
from licensing.requests.returns.views import preview_asking
from licensing.requests.returns.wording import ReturnStatus, describe_excluded, describe_unused, find_status
from mailing import kinds
from mailing.models import Message
from schools.models import Verification
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.factories.schools import AffiliationFactory
from tests.refusals import refuses
from tests.returns.given_school import GivenSchool
from tests.sites.audit.violations import list_all_violations
from tests.tiers import sampled
from tests.webhooks.events import emitted_events
from webhooks import endpoints

LATER = TERM + datetime.timedelta(days=20)


@pytest.fixture
def jaures(nimes):
    return GivenSchool(nimes)


def list_letters():
    with schema_context("public"):
        return list(Message.objects.filter(kind="return_request.received").order_by("pk"))


def assert_sound():
    assert not list_all_violations()


@pytest.mark.slow
def test_all_that_is_unused_is_asked_for_once(jaures):
    jaures.assign()
    asked = jaures.ask()
    assert (asked.units, asked.expires_at) == (4, TERM + ANSWER_PERIOD)
    assert AuditEntry.objects.get(action="pools.return_requested").school_id == jaures.school.pk
    with refuses("return_already_requested"):
        jaures.ask(again=True)
    assert jaures.figures()[:2] == (15, 5)
    assert_sound()


@pytest.mark.slow
@pytest.mark.parametrize("units", [2, 5])
def test_as_many_as_lie_unused_or_fewer_may_be_asked_for(jaures, units):
    assert jaures.ask(units=units).units == units


@pytest.mark.parametrize(
    ("unused", "words"), [(1, "1 licence seulement ne sert pas."), (2, "2 licences seulement ne servent pas.")]
)
def test_more_than_lies_unused_is_not_asked_for(nimes, unused, words):
    school = GivenSchool(nimes, units=unused)
    with refuses("more_than_unused", match=words.replace(" ", r"\s")):
        school.ask(units=unused + 1)


@pytest.mark.slow
def test_a_key_that_nobody_redeemed_is_reduced_and_not_asked_for(nimes):
    school = GivenSchool(nimes, redeemed=False)
    with refuses("not_redeemed"):
        school.ask()
    reductions.revoke(allocation_id=school.allocation.pk, by=None, at=TERM)
    with refuses("already_revoked"):
        school.ask()


@pytest.mark.slow
def test_a_school_that_uses_all_its_licences_is_asked_for_nothing(nimes):
    school = GivenSchool(nimes, units=1)
    school.assign()
    with refuses("nothing_unused"):
        school.ask()


def test_a_suspended_pool_asks_nobody(jaures):
    Entitlement.objects.update(suspended_at=TERM, suspension_cause="operator")
    with refuses("pool_suspended"):
        jaures.ask()


@pytest.mark.slow
def test_silence_changes_nothing_and_the_school_is_left_alone_for_sixty_days(jaures):
    first = jaures.ask()
    assert find_status(first, TERM + ANSWER_PERIOD) is ReturnStatus.EXPIRED
    with refuses("return_already_requested"):
        jaures.ask(at=first.expires_at - datetime.timedelta(microseconds=1))
    with refuses("return_requested_lately"):
        jaures.ask(at=first.expires_at)
    with refuses("return_requested_lately"):
        jaures.ask(at=LATER)
    with refuses("return_requested_lately"):
        jaures.ask(at=TERM + MIN_PAUSE - datetime.timedelta(seconds=1))
    second = jaures.ask(at=TERM + MIN_PAUSE)
    first.refresh_from_db()
    assert (first.outcome, first.answered_at, second.outcome) == ("expired", first.expires_at, "")
    assert jaures.figures()[:2] == (15, 5)
    assert_sound()


@pytest.mark.slow
def test_a_preview_leaves_out_who_was_asked_within_sixty_days(jaures):
    jaures.ask()
    ids = [jaures.allocation.pk]
    moments = {TERM: [LeftReason.ASKED], TERM + ANSWER_PERIOD: [LeftReason.ASKED_LATELY], TERM + MIN_PAUSE: []}
    assert {at: [*preview_asking(ids, at).left] for at in moments} == moments
    # By hand only a request that waits stands in the way.
    assert [[*preview_asking(ids, at, again=True).left] for at in moments] == [[LeftReason.ASKED], [], []]


def test_a_preview_expects_no_answer_of_a_school_that_uses_what_it_was_asked_for(nimes):
    school = GivenSchool(nimes, units=1)
    school.ask()
    school.assign()
    assert dict(preview_asking([school.allocation.pk], TERM).left) == {LeftReason.ALL_USED: 1}


@pytest.mark.slow
def test_a_hand_may_ask_again_before(jaures):
    jaures.ask()
    assert jaures.ask(at=LATER, again=True).outcome == ""
    assert ReturnRequest.objects.count() == 2


@pytest.mark.slow
def test_a_request_that_was_withdrawn_does_not_count(jaures):
    asked = jaures.ask()
    operations.withdraw(request_id=asked.pk, by=None, at=TERM)
    operations.withdraw(request_id=asked.pk, by=None, at=TERM)  # a second click
    assert jaures.ask().pk != asked.pk
    assert_sound()


@pytest.mark.slow
def test_giving_back_answers_the_request(jaures):
    asked = jaures.ask(units=3)
    jaures.give_back(4, comment="Bonne rentrée")
    asked.refresh_from_db()
    assert (asked.outcome, asked.returned_units, asked.comment) == ("accepted", 3, "Bonne rentrée")
    assert asked.answered_by == jaures.principal
    assert_sound()


@pytest.mark.slow
def test_a_return_after_the_last_day_answers_nothing(jaures):
    asked = jaures.ask()
    jaures.give_back(1, at=TERM + ANSWER_PERIOD)
    asked.refresh_from_db()
    assert asked.outcome == ""
    with refuses("return_request_ended"):
        jaures.keep(asked, at=TERM + ANSWER_PERIOD)
    assert_sound()


@pytest.mark.slow
def test_keeping_is_an_answer_and_the_journal_names_nobody(jaures):
    asked = jaures.keep(jaures.ask(), comment="Une classe ouvre")
    assert (asked.outcome, asked.comment) == ("declined", "Une classe ouvre")
    entry = AuditEntry.objects.get(action="pools.return_declined")
    assert (entry.actor_id, entry.summary) == (None, "L’École Jean Jaurès garde les 5 licences demandées.")
    with refuses("return_request_ended"):
        operations.withdraw(request_id=asked.pk, by=None, at=TERM)
    assert_sound()


@pytest.mark.slow
@pytest.mark.parametrize(("anew", "expected"), [(False, "return.requested"), (True, "return.answered")])
def test_an_undone_return_tells_by_webhook_how_its_request_stands(jaures, anew, expected):
    first = jaures.ask(units=2)
    made = jaures.give_back(2).licence_return
    if anew:
        jaures.ask(again=True)
    endpoints.add(url="https://si.exemple.fr/", types=[], by_id=None, at=TERM)
    jaures.undo(made)
    assert (expected, first.pk) in {(kind, data.get("request")) for kind, _, data in emitted_events()}


@pytest.mark.slow
def test_an_email_queued_under_its_former_name_still_leaves(jaures):
    jaures.ask()
    [message] = list_emails("return_request.received")
    named = render_email(message)
    message.kind = "return.requested"
    assert render_email(message) == named


@pytest.mark.slow
def test_an_undone_return_leaves_the_request_open_again(jaures):
    asked = jaures.ask()
    made = jaures.give_back(5).licence_return
    jaures.undo(made)
    asked.refresh_from_db()
    assert (asked.outcome, asked.answered_at, asked.returned_units) == ("", None, 0)
    assert_sound()


@pytest.mark.slow
def test_an_undone_return_of_a_school_asked_anew_counts_as_kept(jaures):
    first = jaures.ask(units=2)
    made = jaures.give_back(2).licence_return
    jaures.ask(again=True)
    jaures.undo(made)
    first.refresh_from_db()
    assert (first.outcome, first.returned_units) == ("declined", 0)
    assert_sound()


@pytest.mark.slow
def test_the_letter_says_who_asks_why_and_until_when(jaures, nimes):
    jaures.ask()
    ReturnRequest.objects.update(expires_at=timezone.now() + ANSWER_PERIOD)
    [letter] = list_letters()
    assert (letter.recipient, letter.topic) == (jaures.principal.email, "return_request")
    with schema_context("public"):
        email = render_email(letter)
    text = " ".join(email.text.replace("\xa0", " ").split())
    assert "5 licences Pep's qui ne servent pas" in email.subject
    assert "Sans réponse, rien ne change" in text
    assert f"/mon-compte/rendre/{jaures.subscription.pk}/" in text
    assert "Il n'y aura pas de rappel" in text.replace("’", "'")
    assert jaures.code not in text
    assert email.from_name == "Ville de Nîmes"


@pytest.mark.parametrize(
    ("units", "assigned", "subject", "sentence"),
    sampled(
        [
            (
                1,
                0,
                "demande 1 licence Pep's qui ne sert pas",
                "La licence Pep's que la Ville de Nîmes a donnée à l'École",
            ),
            (
                5,
                0,
                "demande 5 licences Pep's qui ne servent pas",
                "Aucune des 5 licences Pep's que la Ville de Nîmes a",
            ),
            (
                5,
                4,
                "demande 1 licence Pep's qui ne sert pas",
                "a données à l'École Jean Jaurès, une n'est utilisée par",
            ),
            (5, 4, "demande 1 licence Pep's qui ne sert pas", "si 1 licence peut lui revenir"),
            (5, 4, "demande 1 licence Pep's qui ne sert pas", "Vous pouvez la rendre ou la garder, et"),
            (5, 3, "demande 2 licences Pep's qui ne servent pas", "l'École Jean Jaurès, 2 ne sont utilisées par"),
            (5, 3, "demande 2 licences Pep's qui ne servent pas", "si 2 licences peuvent lui revenir"),
            (
                5,
                3,
                "demande 2 licences Pep's qui ne servent pas",
                "Vous pouvez les rendre, en rendre moins, ou les garder",
            ),
        ],
        fast=2,
    ),
)
def test_the_letter_speaks_of_one_licence_as_of_one(nimes, units, assigned, subject, sentence):
    with tenant_context(nimes):
        jaures = GivenSchool(nimes, units=units)
        for _ in range(assigned):
            jaures.assign()
        jaures.ask()
        ReturnRequest.objects.update(expires_at=timezone.now() + ANSWER_PERIOD)
        [letter] = list_letters()
    with schema_context("public"):
        email = render_email(letter)
    text = " ".join(email.text.replace("\xa0", " ").split()).replace("’", "'")
    assert subject in email.subject.replace("’", "'")
    assert sentence in text
    assert ("la licence reste" in text) == ("1 licence" in subject)


@pytest.mark.parametrize(
    ("verified", "active", "of_a_school", "written_to"),
    [
        (True, True, True, True),
        (False, True, True, True),
        (False, False, True, False),
        (False, True, False, False),
    ],
)
def test_without_a_verified_principal_the_account_of_the_key_is_written_to(
    jaures, verified, active, of_a_school, written_to
):
    with schema_context("public"):
        if not verified:
            jaures.principal.affiliations.all().delete()
        if not active:
            User.objects.filter(pk=jaures.principal.pk).update(is_active=False)
        if not of_a_school:
            Subscription.objects.update(school=None)
    addressees = list_addressees([jaures.allocation.key_id])
    assert addressees == {jaures.allocation.key_id: [jaures.principal] if written_to else []}


def test_all_verified_principals_of_the_school_are_written_to(jaures):
    earlier = AffiliationFactory(
        school=jaures.school, verified_at=TERM - datetime.timedelta(days=1), verified_by=Verification.OPERATOR
    )
    AffiliationFactory(school=jaures.school)
    assert list_addressees([jaures.allocation.key_id]) == {jaures.allocation.key_id: [earlier.user, jaures.principal]}


@pytest.mark.slow
def test_a_letter_about_a_request_that_ended_is_not_sent(jaures, monkeypatch):
    asked = jaures.ask()
    [letter] = list_letters()
    for moment, is_due in ((asked.expires_at - datetime.timedelta(microseconds=1), True), (asked.expires_at, False)):
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        with nullcontext() if is_due else pytest.raises(kinds.NoLongerDue, match="pris fin"):
            render_email(letter)
    monkeypatch.undo()
    with schema_context("public"):
        ReturnRequest.objects.update(
            expires_at=timezone.now() + ANSWER_PERIOD, outcome="declined", answered_at=timezone.now()
        )
    with pytest.raises(kinds.NoLongerDue, match="pris fin"):
        render_email(letter)


@pytest.mark.slow
def test_a_letter_that_has_not_left_is_cancelled_with_its_request(jaures):
    asked = jaures.ask()
    operations.withdraw(request_id=asked.pk, by=None, at=TERM)
    assert [letter.state for letter in list_letters()] == ["cancelled"]
    assert not mail.outbox


@pytest.mark.slow
def test_many_are_asked_in_one_act_each_for_itself(nimes, django_assert_max_num_queries):
    first = GivenSchool(nimes, licences=100)
    others = [GivenSchool(nimes, pool=first.pool, units=2) for _ in range(4)]
    unredeemed = GivenSchool(nimes, pool=first.pool, redeemed=False)
    ids = [one.allocation.pk for one in (first, *others, unredeemed)]
    with django_assert_max_num_queries(30):
        results = operations.ask_many(allocation_ids=ids, by=None, at=TERM)
    refused = {result.allocation_id: result.refusal.code for result in results if result.refusal}
    assert refused == {unredeemed.allocation.pk: "not_redeemed"}
    assert ReturnRequest.objects.count() == len(list_letters()) == 5


@pytest.mark.slow
def test_nothing_of_another_collectivity_is_asked_for_or_withdrawn(jaures, gard):
    asked = jaures.ask()
    with tenant_context(gard):
        with pytest.raises(UnknownReturnRequest):
            operations.withdraw(request_id=asked.pk, by=None, at=TERM)
        with pytest.raises(UnknownAllocation):
            operations.ask(allocation_id=900_000_001, by=None, at=TERM)


@pytest.mark.parametrize(
    ("describe", "one", "several"),
    [
        (
            lambda units: describe_unused(units, "Pep's", "Ville de Nîmes"),
            ("1 licence de", "n’a jamais servi. Rendue, elle redevient libre pour"),
            ("2 licences de", "n’ont jamais servi. Rendues, elles redeviennent libres pour"),
        ),
        (
            describe_excluded,
            ("1 licence inutilisée n’est pas comptée :", "son école l’a depuis"),
            ("2 licences inutilisées ne sont pas comptées :", "leur école les a depuis"),
        ),
    ],
)
def test_a_sentence_speaks_of_one_licence_as_of_one(describe, one, several):
    for units, words in ((1, one), (2, several)):
        sentence = describe(units).replace("\xa0", " ")
        assert [part for part in words if part not in sentence] == []


@pytest.mark.slow
def test_webhooks_have_requests_and_answers(jaures):
    endpoints.add(url="https://si.exemple.fr/", types=[], by_id=None, at=TERM)
    asked = jaures.ask(units=3)
    jaures.keep(asked)
    same = {
        "request": asked.pk,
        "allocation": jaures.allocation.pk,
        "pool": jaures.pool.pk,
        "uai": jaures.school.pk,
        "units": 3,
    }
    subject = f"allocation:{jaures.allocation.pk}"
    assert emitted_events() == [
        ("return.requested", subject, same),
        ("return.answered", subject, same | {"outcome": "declined", "returned": 0}),
    ]
