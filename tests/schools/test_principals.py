"""Principals verified by the school's official mailbox: requesting, confirming, handing over, history."""

import datetime
import json

import pytest

from core.exceptions import DomainError
from mailing.kinds import NoLongerDue
from mailing.models import Message
from schools import affiliations, exceptions, principals
from schools.models import PrincipalEvent, PrincipalRequest, School, Verification
from tests.conftest import TERM
from tests.emails import render_latest_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.races import run_concurrently
from tests.refusals import refuses
from tests.schools.principals import create_principal, is_verified, send_link

MINUTE, HOUR, DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))


@pytest.fixture(autouse=True)
def _it_is_term(monkeypatch):
    """E-mails are rendered when sent: now."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def school(db):
    return SchoolFactory(name="École Jean Jaurès")


@pytest.fixture
def asker(school):
    return create_principal(school)


def request_link(user, school, *, served=True, at=TERM):
    return principals.request_verification(uai=school.pk, by=user, has_subscription=served, at=at)


def confirm(token, *, replaced=(), kept=(), at=TERM):
    return principals.confirm_verification(token=token, replaced=replaced, kept=kept, at=at)


def events(school):
    return [(event.kind, event.user, event.by, event.means) for event in PrincipalEvent.objects.order_by("pk")]


# --- Asking ---------------------------------------------------------------------------------------------------------


def test_the_link_goes_to_the_directorys_address_and_to_no_other(school, asker):
    request_link(asker, school)
    message = Message.objects.get()
    assert (message.kind, message.recipient) == ("principal.verification_requested", school.email)
    assert events(school) == [("requested", asker, asker, "mailbox")]


def test_neither_the_outbox_nor_the_database_holds_the_link(school, asker):
    token = send_link(asker, school)
    assert token not in json.dumps(Message.objects.get().context)
    assert token not in str(PrincipalRequest.objects.values_list().get())


def test_the_email_says_who_asks_and_that_ignoring_it_does_nothing(school, asker):
    token = send_link(asker, school)
    _, result = render_latest_email("principal.verification_requested")
    for part in (str(asker), asker.username, f"/direction/#jeton={token}", school.pk, "il ne se passera rien"):
        assert part in result.text
    assert asker.email not in result.text
    assert f"{asker.email[0]}•••@exemple.example" in result.text


@pytest.mark.parametrize(("first_name", "words"), [("Isabelle", "qu’Isabelle "), ("Nadia", "que Nadia ")])
def test_the_subject_elides_before_a_name(school, asker, first_name, words):
    asker.first_name = first_name
    asker.save()
    send_link(asker, school)
    _, result = render_latest_email("principal.verification_requested")
    assert f"confirmez {words}" in result.subject.replace("'", "’")


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
def test_an_invalid_request_is_refused_and_sends_no_email(school, arrange, code):
    user = PrincipalFactory()
    arrange(user, school)
    with refuses(code):
        request_link(user, school)
    assert not Message.objects.exists()


def test_a_teacher_cannot_ask_to_lead_a_school(school):
    teacher = AffiliationFactory(user=TeacherFactory(), school=school).user
    with refuses("not_a_principal"):
        request_link(teacher, school)


def test_without_a_subscription_only_a_takeover_can_be_asked(school, asker):
    with refuses("nothing_to_lead"):
        request_link(asker, school, served=False)
    create_principal(school, verified=True)
    assert request_link(asker, school, served=False)


def test_a_school_is_emailed_at_most_once_an_hour_and_three_times_a_day(school):
    def ask_at(moment):
        return request_link(create_principal(school), school, at=moment)

    ask_at(TERM)
    with pytest.raises(exceptions.TooManyVerificationRequests) as refusal:
        ask_at(TERM + 59 * MINUTE)
    assert 0 < refusal.value.retry_after <= 60
    ask_at(TERM + HOUR)
    ask_at(TERM + 2 * HOUR)
    with pytest.raises(exceptions.TooManyVerificationRequests):
        ask_at(TERM + 3 * HOUR)
    assert Message.objects.count() == PrincipalEvent.objects.count() == 3
    ask_at(TERM + DAY)


def test_an_account_may_cause_five_emails_a_day(db):
    user = PrincipalFactory()
    schools = [AffiliationFactory(user=user).school for _ in range(6)]
    for school in schools[:5]:
        request_link(user, school)
    with pytest.raises(exceptions.TooManyVerificationRequests):
        request_link(user, schools[5])


# --- Confirming -----------------------------------------------------------------------------------------------------


def test_the_mailbox_verifies_and_the_person_is_notified(school, asker):
    done = confirm(send_link(asker, school))
    affiliation = asker.affiliations.get()
    assert (affiliation.verified_at, affiliation.verified_by) == (TERM, Verification.MAILBOX)
    assert done.replaced == []
    assert events(school)[-1] == ("verified", asker, None, "mailbox")
    recipient, result = render_latest_email("principal.verified")
    assert recipient == asker.email
    assert "a confirmé que vous le dirigez" in result.text


def test_a_link_works_once(school, asker):
    token = send_link(asker, school)
    confirm(token)
    with pytest.raises(exceptions.PrincipalLinkExpired):
        confirm(token)


def test_a_link_lasts_seven_days(school, asker):
    token = send_link(asker, school)
    with pytest.raises(exceptions.PrincipalLinkExpired):
        confirm(token, at=TERM + 7 * DAY)
    assert confirm(token, at=TERM + 7 * DAY - MINUTE)


@pytest.mark.parametrize("token", ["", "x", "é" * 300, "a" * 43])
def test_a_forged_link_is_refused(db, token):
    with pytest.raises(exceptions.PrincipalLinkExpired):
        confirm(token)


def test_a_link_of_a_closed_account_or_of_someone_who_left_is_refused(school):
    left, closed = create_principal(school), create_principal(school)
    tokens = [send_link(left, school), send_link(closed, school, at=TERM + HOUR)]
    affiliations.leave(user=left, affiliation_id=left.affiliations.get().pk, at=TERM)
    closed.is_active = False
    closed.save()
    for token in tokens:
        with pytest.raises(exceptions.PrincipalLinkExpired):
            confirm(token)


def test_a_link_verifies_nobody_for_another_school(school, asker):
    other = AffiliationFactory(user=asker).school
    confirm(send_link(asker, school))
    assert not is_verified(asker, other)


# --- Handing over ---------------------------------------------------------------------------------------------------


def test_a_predecessor_loses_the_school_and_is_notified(school, asker):
    predecessor = create_principal(school, verified=True)
    done = confirm(send_link(asker, school), replaced=[predecessor.pk])
    assert done.replaced == [predecessor]
    assert (is_verified(asker, school), is_verified(predecessor, school)) == (True, False)
    assert predecessor.affiliations.filter(school=school).exists()
    assert ("replaced", predecessor, asker, "mailbox") in events(school)
    recipient, result = render_latest_email("principal.replaced")
    assert recipient == predecessor.email
    assert str(asker) in result.text
    assert not Message.objects.filter(kind="principal.joined").exists()


def test_co_principals_keep_their_rights_and_are_notified(school, asker):
    colleague = create_principal(school, verified=True)
    confirm(send_link(asker, school), kept=[colleague.pk])
    assert is_verified(asker, school)
    assert is_verified(colleague, school)
    recipient, result = render_latest_email("principal.joined")
    assert recipient == colleague.email
    assert str(asker) in result.text


def test_each_of_several_principals_is_kept_or_replaced_individually(school, asker):
    stays, goes = create_principal(school, verified=True), create_principal(school, verified=True)
    confirm(send_link(asker, school), kept=[stays.pk], replaced=[goes.pk])
    assert [is_verified(user, school) for user in (asker, stays, goes)] == [True, True, False]


@pytest.mark.parametrize("answer", ["nothing", "stranger", "both"])
def test_an_answer_that_does_not_match_the_principals_changes_nothing(school, asker, answer):
    head = create_principal(school, verified=True)
    token = send_link(asker, school)
    replaced, kept = {
        "nothing": ([], []),
        "stranger": ([head.pk], [UserFactory().pk]),
        "both": ([head.pk], [head.pk]),
    }[answer]
    with pytest.raises(exceptions.PrincipalsChanged):
        confirm(token, replaced=replaced, kept=kept)
    assert is_verified(head, school)
    assert not is_verified(asker, school)


@pytest.mark.slow
def test_earlier_links_for_the_same_principals_are_invalidated(school, asker):
    predecessor = create_principal(school)
    first, second = send_link(predecessor, school), send_link(predecessor, school, at=TERM + HOUR)
    confirm(first)
    token = send_link(asker, school, at=TERM + 2 * HOUR)
    confirm(token, replaced=[predecessor.pk], at=TERM + 2 * HOUR)
    with pytest.raises(exceptions.PrincipalLinkExpired):
        confirm(second, replaced=[asker.pk], at=TERM + 3 * HOUR)


@pytest.mark.slow
def test_a_predecessor_may_ask_again_and_the_mailbox_decides(school, asker):
    predecessor = create_principal(school, verified=True)
    confirm(send_link(asker, school), replaced=[predecessor.pk])
    confirm(send_link(predecessor, school, served=False, at=TERM + HOUR), replaced=[asker.pk], at=TERM + HOUR)
    assert (is_verified(predecessor, school), is_verified(asker, school)) == (True, False)


# --- Other recorded events -------------------------------------------------------------------------------------------


def test_a_verification_by_the_operator_is_recorded_with_its_author(school, asker):
    operator = UserFactory(is_staff=True)
    head = create_principal(school, verified=True)
    affiliations.verify(affiliation=asker.affiliations.get(), means=Verification.OPERATOR, by=operator, at=TERM)
    affiliations.verify(affiliation=asker.affiliations.get(), means=Verification.OPERATOR, by=operator, at=TERM)
    assert events(school) == [("verified", asker, operator, "operator")]
    assert Message.objects.get(kind="principal.joined").recipient == head.email


def test_leaving_is_recorded_for_verified_principals_only(school):
    head, other = create_principal(school, verified=True), create_principal(school)
    for user in (head, other):
        affiliations.leave(user=user, affiliation_id=user.affiliations.get().pk, at=TERM)
    assert events(school) == [("left", head, head, "")]


@pytest.mark.parametrize("change", ["expired", "left", "mailbox"])
def test_an_email_no_longer_due_is_cancelled(school, asker, change):
    request_link(asker, school)
    if change == "expired":
        PrincipalRequest.objects.update(expires_at=TERM)
    elif change == "left":
        asker.affiliations.all().delete()
    else:
        School.objects.update(email="ailleurs@exemple.example")
    with pytest.raises(NoLongerDue):
        render_latest_email("principal.verification_requested")


# --- Races ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("led", [True, False], ids=["over a predecessor", "over nobody"])
def test_concurrent_confirmations_make_one_mailbox_decide_again(committing, led):
    """Nobody is confirmed without the current principals having been shown to whoever confirms."""
    school = SchoolFactory()
    predecessors = [create_principal(school, verified=True)] if led else []
    successors = [create_principal(school) for _ in range(2)]
    tokens = [send_link(user, school, at=TERM + number * HOUR) for number, user in enumerate(successors)]
    at = TERM + 2 * HOUR
    outcomes = run_concurrently(
        "public",
        [lambda token=token: confirm(token, replaced=[one.pk for one in predecessors], at=at) for token in tokens],
        expected_errors=DomainError,
    )
    assert sorted(isinstance(outcome, exceptions.PrincipalsChanged) for outcome in outcomes) == [False, True]
    assert sorted(is_verified(user, school) for user in successors) == [False, True]
    assert not any(is_verified(user, school) for user in predecessors)


def test_a_link_confirmed_eight_times_at_once_works_once(committing):
    school = SchoolFactory()
    asker = create_principal(school)
    token = send_link(asker, school)
    outcomes = run_concurrently("public", [lambda: confirm(token)] * 8, expected_errors=exceptions.PrincipalLinkExpired)
    assert sum(isinstance(outcome, principals.ConfirmationResult) for outcome in outcomes) == 1
    assert PrincipalEvent.objects.filter(kind="verified").count() == 1


@pytest.mark.slow
def test_eight_concurrent_requests_send_one_email(committing):
    school = SchoolFactory()
    askers = [create_principal(school) for _ in range(8)]
    run_concurrently(
        "public",
        [lambda user=user: request_link(user, school) for user in askers],
        expected_errors=exceptions.TooManyVerificationRequests,
    )
    assert PrincipalRequest.objects.count() == 1
