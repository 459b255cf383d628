"""Whoever asks page after page learns of no account: by what is said, by what is written, or by what it costs."""

from __future__ import annotations

import functools
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import resets, tasks, throttling, usernames
from accounts.limits import RESET_BY_ADDRESS, RESET_BY_EMAIL, SIGN_UP_BY_ADDRESS
from accounts.models import ResetRequest, User
from collectivities import invitation_tokens, operations
from collectivities.exceptions import Refused
from collectivities.models import Invitation
from tests.accounts.letters import PASSWORD, outbox, rendered, resets_answered, sign_in
from tests.accounts.test_sign_up import PERSON, TYPED
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.races import at_once

SIGN_UP = "/inscription/"
FORGOTTEN = "/mot-de-passe/oublie/"
HERE = "127.0.0.1"


def seen(answer):
    """Return the page without what differs at every reading."""
    return re.sub(r'(value|content)="\w{64}"', "", answer.content.decode())


def cost(ask):
    """Return the statements that it takes, without their values."""
    with CaptureQueriesContext(connection) as counted:
        ask()
    return [re.sub(r"'[^']*'|\d+", "?", query["sql"])[:120] for query in counted.captured_queries]


# --- Signing up -------------------------------------------------------------------------------------------------------


def test_sign_up_with_an_identifiant_that_is_taken_does_not_tell(portal):
    PrincipalFactory(username="pris")
    pages = []
    for username in ("pris", "libre"):
        answer = portal.post(SIGN_UP, PERSON | TYPED | {"username": username}, follow=True)
        pages.append(seen(answer))
        assert answer.redirect_chain[-1][0] == "/adresse/a-confirmer/"
        portal.cookies.clear()
    assert pages[0] == pages[1]
    assert set(User.objects.values_list("username", flat=True)) == {"pris", "pris2", "libre"}


def test_sign_up_costs_the_same_whether_the_identifiant_is_taken(portal):
    PrincipalFactory(username="pris")

    def cost_of(username):
        portal.cookies.clear()
        person = PERSON | TYPED | {"username": username, "email": f"{username}@exemple.example"}
        return cost(lambda: portal.post(SIGN_UP, person))

    cost_of("premier")  # what the first visitor of the hour pays
    assert cost_of("pris") == cost_of("libre")


def test_a_form_that_is_refused_does_not_tell_either(portal):
    PrincipalFactory(username="aaaa1")
    pages = [
        seen(portal.post(SIGN_UP, PERSON | TYPED | {"username": username, "password2": "autre"})).replace(username, "")
        for username in ("aaaa1", "bbbb2")
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(("wished", "said"), [("PRIS", "n'était pas libre"), ("libre", "Votre identifiant est")])
def test_the_letter_alone_says_the_identifiant(portal, wished, said):
    PrincipalFactory(username="pris")
    portal.post(SIGN_UP, PERSON | TYPED | {"username": wished})
    user = User.objects.latest("pk")
    [letter] = outbox("account.confirm")
    assert said in rendered(letter).text
    assert f"«\u00a0{user.username}\u00a0»" in rendered(letter).text
    assert set(letter.context) == {"address", "another", "host", "user"}


def test_confirming_says_the_identifiant_once_more(portal):
    PrincipalFactory(username="pris")
    portal.post(SIGN_UP, PERSON | TYPED | {"username": "pris"})
    [letter] = outbox("account.confirm")
    path = re.search(r"http://[^/\s]+(/\S+)", rendered(letter).text)[1]
    page = portal.post(path, follow=True).content.decode()
    assert "l&#x27;identifiant «\u00a0pris2\u00a0»" in page
    assert sign_in(portal, User.objects.get(username="pris2"), PERSON["password1"])["Location"] == "/mon-compte/"


@pytest.mark.parametrize(
    ("wished", "following"),
    [("mdupont", ["mdupont", "mdupont2", "mdupont3"]), ("classe3", ["classe3", "classe3-2", "classe3-3"])],
)
def test_the_variations_of_an_identifiant(wished, following):
    variations = usernames.variations(wished)
    assert [next(variations) for _ in range(3)] == following


def test_a_variation_is_never_too_long():
    variations = usernames.variations("a" * 150)
    assert [len(next(variations)) for _ in range(3)] == [150, 150, 150]


def test_what_closed_accounts_are_called_is_nobody_s(portal):
    answer = portal.post(SIGN_UP, PERSON | TYPED | {"username": "Supprime-12"})
    assert "ne peut pas être choisi" in str(answer.context["form"].errors["username"])


def test_twenty_who_wish_the_same_identifiant_get_twenty(committing):
    def join():
        return usernames.store(UserFactory.build(username="mdupont"))

    at_once("public", [join] * 20, refusals=Refused)
    assert User.objects.filter(username__startswith="mdupont").count() == 20


def test_sign_ups_of_one_network_are_limited(portal):
    for _ in range(SIGN_UP_BY_ADDRESS.tries):
        throttling.count([(SIGN_UP_BY_ADDRESS, HERE)], at=timezone.now())
    answer = portal.post(SIGN_UP, PERSON | TYPED)
    assert answer.status_code == 429
    assert "patientez 1 heure" in str(answer.context["form"].non_field_errors())
    assert not User.objects.exists()


def test_a_whole_staff_with_one_mailbox_gets_all_its_letters(portal):
    for number in range(5):
        portal.post(SIGN_UP, PERSON | TYPED | {"username": f"collegue{number}"})
        portal.cookies.clear()
    assert len(outbox("account.confirm")) == 5


# --- Invitations ------------------------------------------------------------------------------------------------------


def test_an_invited_agent_whose_identifiant_is_taken_gets_another_and_is_told_which(office, nimes):
    """Once, at the cost of his invitation: he has to know it."""
    UserFactory(username="pris")
    operations.invite(email="awa@nimes.example", roles=["viewer"], by=None, at=timezone.now())
    token = invitation_tokens.token(Invitation.objects.get().nonce)
    account = {"first_name": "Awa", "last_name": "Diop", "username": "Pris", "password": PASSWORD}
    browser = office("nimes")
    answer = browser.post(f"/invitation/{token}/", account | {"password_again": PASSWORD}, follow=True)
    assert "«\u00a0pris2\u00a0»" in answer.content.decode()
    assert "pris2" in rendered(outbox("account.created")[0]).text
    assert browser.post(f"/invitation/{token}/", account | {"password_again": PASSWORD}).status_code == 410


# --- Forgotten passwords ----------------------------------------------------------------------------------------------


def test_a_forgotten_password_does_not_tell_whether_there_is_an_account(portal):
    for _ in range(2):
        TeacherFactory(email="Ecole@exemple.example")
    answers = []

    def cost_of(email):
        return cost(lambda: answers.append(portal.post(FORGOTTEN, {"email": email})))

    cost_of("premiere@exemple.example")
    known, unknown = cost_of("ecole@exemple.example"), cost_of("personne@exemple.example")
    assert known == unknown
    assert not any("accounts_user" in statement for statement in known)
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, f"{FORGOTTEN}envoye/")}
    assert resets_answered() == 2
    assert len(outbox("account.reset")) == 2


def test_what_was_asked_is_forgotten_once_answered(portal):
    portal.post(FORGOTTEN, {"email": "personne@exemple.example"})
    assert resets_answered() == 0
    assert not ResetRequest.objects.exists()


def test_what_nobody_came_to_answer_is_forgotten_after_a_day(db):
    resets.ask(email="ecole@exemple.example", host="peps.localhost", at=timezone.now() - 2 * tasks.KEPT)
    tasks.forget_tries()
    assert not ResetRequest.objects.exists()


def test_answering_twice_writes_once(db):
    TeacherFactory(email="ecole@exemple.example")
    resets.ask(email="ecole@exemple.example", host="peps.localhost", at=TERM)
    request_id = ResetRequest.objects.get().pk
    assert [resets.answer(request_id=request_id, at=TERM) for _ in range(2)] == [1, 0]


def test_closed_accounts_get_no_letter(portal):
    TeacherFactory(email="ecole@exemple.example", is_active=False)
    portal.post(FORGOTTEN, {"email": "ecole@exemple.example"})
    assert resets_answered() == 0


def test_a_mailbox_is_not_flooded_and_the_page_does_not_tell(portal):
    TeacherFactory(email="ecole@exemple.example")
    for _ in range(RESET_BY_EMAIL.tries + 2):
        answer = portal.post(FORGOTTEN, {"email": "ecole@exemple.example"})
        assert answer["Location"] == f"{FORGOTTEN}envoye/"
    assert resets_answered() == RESET_BY_EMAIL.tries


def test_resets_of_one_network_are_limited(portal):
    for _ in range(RESET_BY_ADDRESS.tries):
        throttling.count([(RESET_BY_ADDRESS, HERE)], at=timezone.now())
    answer = portal.post(FORGOTTEN, {"email": "ecole@exemple.example"})
    assert (answer.status_code, ResetRequest.objects.count()) == (429, 0)


def test_an_account_is_found_by_an_index(db):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = User.objects.filter(email__iexact="a@exemple.example", is_active=True).explain()
    assert "user_email_upper" in plan


# --- Signing in -------------------------------------------------------------------------------------------------------


def test_signing_in_does_not_tell_whether_there_is_an_account(portal, can_sign_in):
    user = can_sign_in(TeacherFactory(username="personne"))
    known = portal.post(reverse("account_login"), {"login": user.username, "password": "faux"})
    unknown = portal.post(reverse("account_login"), {"login": "inconnue", "password": "faux"})
    assert seen(known).replace("personne", "") == seen(unknown).replace("inconnue", "")


def test_thirty_two_forgotten_at_once_write_five_letters(committing):
    TeacherFactory(email="ecole@exemple.example")
    ask = functools.partial(resets.ask, email="ecole@exemple.example", host="peps.localhost", at=TERM)
    at_once("public", [ask] * 32, refusals=throttling.Throttled)
    assert ResetRequest.objects.count() == RESET_BY_EMAIL.tries
