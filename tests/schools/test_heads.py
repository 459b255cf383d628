"""Who leads a school, by its official mailbox: the link asked for, confirmed, used once; and what is written down."""

from __future__ import annotations

import datetime
import json

import pytest

from mailing import kinds
from mailing.kinds import NoLongerDue
from mailing.models import Message
from schools import affiliations
from schools.heads import exceptions, operations
from schools.models import HeadEvent, HeadRequest, School, Verification
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.races import at_once
from tests.schools.heads import link, principal_of, verified

MINUTE, HOUR, DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))


@pytest.fixture(autouse=True)
def _it_is_term(monkeypatch):
    """Letters are rendered when they leave, which is now."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def school(db):
    return SchoolFactory(name="École Jean Jaurès")


@pytest.fixture
def asker(school):
    return principal_of(school)


def asked(user, school, *, served=True, at=TERM):
    return operations.ask(uai=school.pk, by=user, served=served, at=at)


def confirmed(token, *, replaced=(), kept=(), at=TERM):
    return operations.confirm(token=token, replaced=replaced, kept=kept, at=at)


def events(school):
    return [(event.kind, event.user, event.by, event.means) for event in HeadEvent.objects.order_by("pk")]


def letter(kind):
    message = Message.objects.filter(kind=kind).latest("pk")
    return message.recipient, kinds.get(kind).render(message)


# --- Asking ---------------------------------------------------------------------------------------------------------


def test_the_link_goes_to_the_directorys_address_and_to_no_other(school, asker):
    asked(asker, school)
    message = Message.objects.get()
    assert (message.kind, message.recipient) == ("head.ask", school.email)
    assert events(school) == [("asked", asker, asker, "mailbox")]


def test_neither_the_outbox_nor_the_database_holds_the_link(school, asker):
    token = link(asker, school)
    assert token not in json.dumps(Message.objects.get().context)
    assert token not in str(HeadRequest.objects.values_list().get())


def test_the_letter_says_who_asks_and_that_ignoring_it_does_nothing(school, asker):
    token = link(asker, school)
    _, said = letter("head.ask")
    for part in (str(asker), asker.username, f"/direction/{token}/", school.pk, "il ne se passera rien"):
        assert part in said.text
    assert asker.email not in said.text
    assert f"{asker.email[0]}•••@exemple.example" in said.text


@pytest.mark.parametrize(
    ("arrange", "code"),
    [
        (lambda user, _: AffiliationFactory(user=user, school=SchoolFactory()), "no_chosen_school"),
        (lambda user, school: AffiliationFactory(user=user, school=school, verified_at=TERM, verified_by="key"),
         "already_verified"),
        (lambda user, school: [School.objects.filter(pk=school.pk).update(email=""),
                               AffiliationFactory(user=user, school=school)], "no_mailbox"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_and_nobody_is_written_to(school, arrange, code):
    user = PrincipalFactory()
    arrange(user, school)
    with pytest.raises(exceptions.HeadRefused) as refusal:
        asked(user, school)
    assert refusal.value.code == code
    assert not Message.objects.exists()


def test_a_teacher_leads_no_school(school):
    teacher = AffiliationFactory(user=TeacherFactory(), school=school).user
    with pytest.raises(exceptions.NotAPrincipal):
        asked(teacher, school)


def test_without_a_subscription_one_takes_over_from_somebody_or_does_not_ask(school, asker):
    with pytest.raises(exceptions.NothingToLead):
        asked(asker, school, served=False)
    principal_of(school, verified=True)
    assert asked(asker, school, served=False)


def test_a_school_is_written_to_once_an_hour_and_three_times_a_day(school):
    def ask_at(moment):
        return asked(principal_of(school), school, at=moment)

    ask_at(TERM)
    with pytest.raises(exceptions.AskedTooOften) as refusal:
        ask_at(TERM + 59 * MINUTE)
    assert 0 < refusal.value.retry_after <= 60
    ask_at(TERM + HOUR)
    ask_at(TERM + 2 * HOUR)
    with pytest.raises(exceptions.AskedTooOften):
        ask_at(TERM + 3 * HOUR)
    assert Message.objects.count() == HeadEvent.objects.count() == 3
    ask_at(TERM + DAY)


def test_an_account_has_five_letters_a_day_sent(db):
    user = PrincipalFactory()
    schools = [AffiliationFactory(user=user).school for _ in range(6)]
    for school in schools[:5]:
        asked(user, school)
    with pytest.raises(exceptions.AskedTooOften):
        asked(user, schools[5])


# --- Confirming -----------------------------------------------------------------------------------------------------


def test_the_mailbox_verifies_and_the_person_is_told(school, asker):
    done = confirmed(link(asker, school))
    affiliation = asker.affiliations.get()
    assert (affiliation.verified_at, affiliation.verified_by) == (TERM, Verification.MAILBOX)
    assert done.replaced == []
    assert events(school)[-1] == ("verified", asker, None, "mailbox")
    recipient, said = letter("head.verified")
    assert recipient == asker.email
    assert "a confirmé que vous le dirigez" in said.text


def test_a_link_serves_once(school, asker):
    token = link(asker, school)
    confirmed(token)
    with pytest.raises(exceptions.HeadLinkGone):
        confirmed(token)


def test_a_link_lasts_seven_days(school, asker):
    token = link(asker, school)
    with pytest.raises(exceptions.HeadLinkGone):
        confirmed(token, at=TERM + 7 * DAY)
    assert confirmed(token, at=TERM + 7 * DAY - MINUTE)


@pytest.mark.parametrize("token", ["", "x", "é" * 300, "a" * 43])
def test_an_invented_link_opens_nothing(db, token):
    with pytest.raises(exceptions.HeadLinkGone):
        confirmed(token)


def test_a_link_of_one_who_left_or_whose_account_is_closed_opens_nothing(school):
    left, closed = principal_of(school), principal_of(school)
    tokens = [link(left, school), link(closed, school, at=TERM + HOUR)]
    affiliations.leave(user=left, affiliation_id=left.affiliations.get().pk, at=TERM)
    closed.is_active = False
    closed.save()
    for token in tokens:
        with pytest.raises(exceptions.HeadLinkGone):
            confirmed(token)


def test_a_link_verifies_nobody_for_another_school(school, asker):
    other = AffiliationFactory(user=asker).school
    confirmed(link(asker, school))
    assert not verified(asker, other)


# --- Handing over ---------------------------------------------------------------------------------------------------


def test_a_predecessor_loses_the_school_and_is_told(school, asker):
    predecessor = principal_of(school, verified=True)
    done = confirmed(link(asker, school), replaced=[predecessor.pk])
    assert done.replaced == [predecessor]
    assert (verified(asker, school), verified(predecessor, school)) == (True, False)
    assert predecessor.affiliations.filter(school=school).exists()
    assert ("replaced", predecessor, asker, "mailbox") in events(school)
    recipient, said = letter("head.replaced")
    assert recipient == predecessor.email
    assert str(asker) in said.text
    assert not Message.objects.filter(kind="head.joined").exists()


def test_one_who_leads_with_others_leaves_them_what_they_have_and_they_are_told(school, asker):
    colleague = principal_of(school, verified=True)
    confirmed(link(asker, school), kept=[colleague.pk])
    assert verified(asker, school)
    assert verified(colleague, school)
    recipient, said = letter("head.joined")
    assert recipient == colleague.email
    assert str(asker) in said.text


def test_each_of_several_heads_is_kept_or_replaced_for_himself(school, asker):
    stays, goes = principal_of(school, verified=True), principal_of(school, verified=True)
    confirmed(link(asker, school), kept=[stays.pk], replaced=[goes.pk])
    assert [verified(user, school) for user in (asker, stays, goes)] == [True, True, False]


@pytest.mark.parametrize("answer", ["nothing", "stranger", "both"])
def test_an_answer_that_does_not_fit_those_who_lead_the_school_changes_nothing(school, asker, answer):
    head = principal_of(school, verified=True)
    token = link(asker, school)
    replaced, kept = {
        "nothing": ([], []),
        "stranger": ([head.pk], [UserFactory().pk]),
        "both": ([head.pk], [head.pk]),
    }[answer]
    with pytest.raises(exceptions.HeadsHaveChanged):
        confirmed(token, replaced=replaced, kept=kept)
    assert verified(head, school)
    assert not verified(asker, school)


def test_links_sent_before_for_those_concerned_open_nothing_more(school, asker):
    predecessor = principal_of(school)
    first, second = link(predecessor, school), link(predecessor, school, at=TERM + HOUR)
    confirmed(first)
    token = link(asker, school, at=TERM + 2 * HOUR)
    confirmed(token, replaced=[predecessor.pk], at=TERM + 2 * HOUR)
    with pytest.raises(exceptions.HeadLinkGone):
        confirmed(second, replaced=[asker.pk], at=TERM + 3 * HOUR)


def test_a_predecessor_may_ask_again_and_the_mailbox_decides(school, asker):
    predecessor = principal_of(school, verified=True)
    confirmed(link(asker, school), replaced=[predecessor.pk])
    confirmed(link(predecessor, school, served=False, at=TERM + HOUR), replaced=[asker.pk], at=TERM + HOUR)
    assert (verified(predecessor, school), verified(asker, school)) == (True, False)


# --- What is written down otherwise ----------------------------------------------------------------------------------


def test_the_operators_word_is_written_down_with_who_he_is(school, asker):
    operator = UserFactory(is_staff=True)
    head = principal_of(school, verified=True)
    affiliations.verify(affiliation=asker.affiliations.get(), means=Verification.OPERATOR, by=operator, at=TERM)
    affiliations.verify(affiliation=asker.affiliations.get(), means=Verification.OPERATOR, by=operator, at=TERM)
    assert events(school) == [("verified", asker, operator, "operator")]
    assert Message.objects.get(kind="head.joined").recipient == head.email


def test_leaving_is_written_down_of_who_led_the_school_alone(school):
    head, other = principal_of(school, verified=True), principal_of(school)
    for user in (head, other):
        affiliations.leave(user=user, affiliation_id=user.affiliations.get().pk, at=TERM)
    assert events(school) == [("left", head, head, "")]


@pytest.mark.parametrize("change", ["expired", "left", "mailbox"])
def test_a_letter_that_lost_its_reason_does_not_leave(school, asker, change):
    asked(asker, school)
    if change == "expired":
        HeadRequest.objects.update(expires_at=TERM)
    elif change == "left":
        asker.affiliations.all().delete()
    else:
        School.objects.update(email="ailleurs@exemple.example")
    with pytest.raises(NoLongerDue):
        letter("head.ask")


# --- Races ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("led", [True, False], ids=["over a predecessor", "over nobody"])
def test_two_are_confirmed_at_once_and_one_mailbox_is_told_to_look_again(committing, led):
    """Nobody comes to lead a school without those who lead it having been shown to whoever confirms."""
    school = SchoolFactory()
    predecessors = [principal_of(school, verified=True)] if led else []
    successors = [principal_of(school) for _ in range(2)]
    tokens = [link(user, school, at=TERM + number * HOUR) for number, user in enumerate(successors)]
    at = TERM + 2 * HOUR
    outcomes = at_once(
        "public",
        [lambda token=token: confirmed(token, replaced=[one.pk for one in predecessors], at=at) for token in tokens],
        refusals=exceptions.HeadRefused,
    )
    assert sorted(isinstance(outcome, exceptions.HeadsHaveChanged) for outcome in outcomes) == [False, True]
    assert sorted(verified(user, school) for user in successors) == [False, True]
    assert not any(verified(user, school) for user in predecessors)


def test_a_link_opened_in_eight_windows_serves_once(committing):
    school = SchoolFactory()
    asker = principal_of(school)
    token = link(asker, school)
    outcomes = at_once("public", [lambda: confirmed(token)] * 8, refusals=exceptions.HeadLinkGone)
    assert sum(isinstance(outcome, operations.Confirmed) for outcome in outcomes) == 1
    assert HeadEvent.objects.filter(kind="verified").count() == 1


def test_a_school_is_asked_by_eight_at_once_and_written_to_once(committing):
    school = SchoolFactory()
    askers = [principal_of(school) for _ in range(8)]
    at_once("public", [lambda user=user: asked(user, school) for user in askers], refusals=exceptions.AskedTooOften)
    assert HeadRequest.objects.count() == 1
