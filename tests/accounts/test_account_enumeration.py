"""Account enumeration: neither answers, e-mails nor query counts reveal whether an account exists."""

import functools
import re

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import passwords, tasks, throttling, usernames
from accounts.models import ResetRequest, Throttle, User
from accounts.throttling import CONFIRMATION_BY_EMAIL, RESET_BY_EMAIL, RESET_BY_NETWORK, SIGN_UP_BY_NETWORK
from collectivities.models import Invitation
from collectivities.operations import members as operations
from core.exceptions import DomainError
from tests.accounts.emails import PASSWORD, answer_resets, sign_in
from tests.accounts.sign_up_fields import PERSON, TYPED
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.host_client import HostClient
from tests.races import run_concurrently

SIGN_UP = "/inscription/"
FORGOTTEN = "/mot-de-passe/oublie/"
HERE = "127.0.0.1"


def normalised_page(answer):
    """Return the page without its CSRF token and other parts that vary per request."""
    return re.sub(r'(value|content)="\w{64}"', "", answer.content.decode())


def list_statements(ask):
    """Return the SQL statements it runs, without their values."""
    with CaptureQueriesContext(connection) as counted:
        ask()
    return [re.sub(r"'[^']*'|\d+", "?", query["sql"])[:120] for query in counted.captured_queries]


# --- Signing up -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_sign_up_does_not_reveal_a_taken_username(portal):
    PrincipalFactory(username="pris")
    pages = []
    for username in ("pris", "libre"):
        answer = portal.post(SIGN_UP, PERSON | TYPED | {"username": username}, follow=True)
        pages.append(normalised_page(answer))
        assert answer.redirect_chain[-1][0] == "/adresse/a-confirmer/"
        portal.cookies.clear()
    assert pages[0] == pages[1]
    assert set(User.objects.values_list("username", flat=True)) == {"pris", "pris2", "libre"}


@pytest.mark.slow
def test_sign_up_runs_the_same_queries_whether_the_username_is_taken(portal):
    PrincipalFactory(username="pris")

    def statements_for(username):
        portal.cookies.clear()
        person = PERSON | TYPED | {"username": username, "email": f"{username}@exemple.example"}
        return list_statements(lambda: portal.post(SIGN_UP, person))

    statements_for("premier")  # what the first visitor of the hour pays
    assert statements_for("pris") == statements_for("libre")


def test_a_refused_form_does_not_reveal_a_taken_username(portal):
    PrincipalFactory(username="aaaa1")
    pages = [
        normalised_page(portal.post(SIGN_UP, PERSON | TYPED | {"username": username, "password2": "autre"})).replace(
            username, ""
        )
        for username in ("aaaa1", "bbbb2")
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(("wished", "result"), [("PRIS", "n'était pas libre"), ("libre", "Votre identifiant est")])
def test_only_the_email_says_the_username(portal, wished, result):
    PrincipalFactory(username="pris")
    portal.post(SIGN_UP, PERSON | TYPED | {"username": wished})
    user = User.objects.latest("pk")
    [email] = list_emails("account.confirm")
    assert result in render_email(email).text
    assert f"«\u00a0{user.username}\u00a0»" in render_email(email).text
    assert set(email.context) == {"address", "another", "host", "pending", "user"}


@pytest.mark.slow
def test_confirmation_shows_the_username(portal):
    PrincipalFactory(username="pris")
    portal.post(SIGN_UP, PERSON | TYPED | {"username": "pris"})
    [email] = list_emails("account.confirm")
    path = re.search(r"http://[^/\s]+(/\S+)", render_email(email).text)[1]
    page = portal.post(portal.open_link(path), follow=True).content.decode()
    assert "l’identifiant «\u00a0pris2\u00a0»" in page
    assert sign_in(portal, User.objects.get(username="pris2"), PERSON["password1"])["Location"] == "/mon-compte/"


@pytest.mark.parametrize(
    ("wished", "following"),
    [("mdupont", ["mdupont", "mdupont2", "mdupont3"]), ("classe3", ["classe3", "classe3-2", "classe3-3"])],
)
def test_username_variants(wished, following):
    variations = usernames.generate_variations(wished)
    assert [next(variations) for _ in range(3)] == following


def test_a_username_variant_is_never_too_long():
    variations = usernames.generate_variations("a" * 150)
    assert [len(next(variations)) for _ in range(3)] == [150, 150, 150]


def test_the_usernames_of_closed_accounts_are_reserved(portal):
    answer = portal.post(SIGN_UP, PERSON | TYPED | {"username": "Supprime-12"})
    assert "ne peut pas être choisi" in str(answer.context["form"].errors["username"])


@pytest.mark.slow
def test_twenty_concurrent_sign_ups_get_distinct_usernames(committing):
    def join():
        return usernames.save_with_free_username(UserFactory.build(username="mdupont"))

    run_concurrently("public", [join] * 20, expected_errors=DomainError)
    assert User.objects.filter(username__startswith="mdupont").count() == 20


def test_sign_ups_per_network_are_limited(portal):
    for _ in range(SIGN_UP_BY_NETWORK.tries):
        throttling.count_attempts([(SIGN_UP_BY_NETWORK, HERE)], at=timezone.now())
    answer = portal.post(SIGN_UP, PERSON | TYPED)
    assert answer.status_code == 429
    assert "patientez 1 heure" in str(answer.context["form"].non_field_errors())
    assert not User.objects.exists()


@pytest.mark.slow
def test_accounts_that_share_a_mailbox_get_three_emails_an_hour_then_one_at_sign_in(portal):
    for number in range(5):
        portal.post(SIGN_UP, PERSON | TYPED | {"username": f"collegue{number}"})
        portal.cookies.clear()
    assert len(list_emails("account.confirm")) == CONFIRMATION_BY_EMAIL.tries == 3
    Throttle.objects.all().delete()  # an hour later
    sign_in(portal, User.objects.get(username="collegue4"))
    assert len(list_emails("account.confirm")) == 4


# --- Invitations ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_invited_agent_is_shown_the_username_they_got_instead(office, nimes):
    """Accepted: they have to know their username, and each probe costs an invitation."""
    UserFactory(username="pris")
    operations.invite(email="awa@nimes.example", roles=["viewer"], by=None, at=timezone.now())
    token = Invitation.objects.get().link_token
    account = {"first_name": "Awa", "last_name": "Diop", "username": "Pris", "password": PASSWORD}
    browser = office("nimes")
    page = browser.open_link(f"/invitation/#jeton={token}")
    answer = browser.post(page, account | {"password_again": PASSWORD}, follow=True)
    assert "«\u00a0pris2\u00a0»" in answer.content.decode()
    assert "pris2" in render_email(list_emails("account.created")[0]).text
    assert browser.post(page, account | {"password_again": PASSWORD}).status_code == 410


# --- Forgotten passwords ----------------------------------------------------------------------------------------------


def test_a_password_reset_does_not_reveal_whether_an_account_exists(portal):
    for _ in range(2):
        TeacherFactory(email="Ecole@exemple.example")
    answers = []

    def statements_for(email):
        return list_statements(lambda: answers.append(portal.post(FORGOTTEN, {"email": email})))

    statements_for("premiere@exemple.example")
    known, unknown = statements_for("ecole@exemple.example"), statements_for("personne@exemple.example")
    assert known == unknown
    assert not any("accounts_user" in statement for statement in known)
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, f"{FORGOTTEN}envoye/")}
    assert answer_resets() == 2
    assert len(list_emails("account.reset")) == 2


def test_a_reset_request_is_deleted_once_answered(portal):
    portal.post(FORGOTTEN, {"email": "personne@exemple.example"})
    assert answer_resets() == 0
    assert not ResetRequest.objects.exists()


def test_an_unanswered_reset_request_is_deleted_after_a_day(db):
    passwords.request_reset(
        email="ecole@exemple.example", host="peps.localhost", at=timezone.now() - 2 * tasks.RETENTION
    )
    tasks.delete_old_attempts()
    assert not ResetRequest.objects.exists()


def test_answering_a_reset_request_twice_sends_one_email(db):
    TeacherFactory(email="ecole@exemple.example")
    passwords.request_reset(email="ecole@exemple.example", host="peps.localhost", at=TERM)
    request_id = ResetRequest.objects.get().pk
    assert [passwords.send_reset_emails(request_id=request_id, at=TERM) for _ in range(2)] == [1, 0]


def test_closed_accounts_get_no_email(portal):
    TeacherFactory(email="ecole@exemple.example", is_active=False)
    portal.post(FORGOTTEN, {"email": "ecole@exemple.example"})
    assert answer_resets() == 0


@pytest.mark.slow
def test_resets_per_mailbox_are_limited_without_revealing_it(portal):
    TeacherFactory(email="ecole@exemple.example")
    for _ in range(RESET_BY_EMAIL.tries + 2):
        answer = portal.post(FORGOTTEN, {"email": "ecole@exemple.example"})
        assert answer["Location"] == f"{FORGOTTEN}envoye/"
    assert answer_resets() == RESET_BY_EMAIL.tries


def test_resets_per_network_are_limited(portal):
    for _ in range(RESET_BY_NETWORK.tries):
        throttling.count_attempts([(RESET_BY_NETWORK, HERE)], at=timezone.now())
    answer = portal.post(FORGOTTEN, {"email": "ecole@exemple.example"})
    assert (answer.status_code, ResetRequest.objects.count()) == (429, 0)


def test_accounts_are_looked_up_by_index(db):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = User.objects.filter(email__iexact="a@exemple.example", is_active=True).explain()
    assert "user_email_upper" in plan


# --- Signing in -------------------------------------------------------------------------------------------------------


def test_signing_in_does_not_reveal_whether_an_account_exists(portal, can_sign_in):
    user = can_sign_in(TeacherFactory(username="zelie-k"))
    known = portal.post(reverse("account_login"), {"login": user.username, "password": "faux"})
    unknown = portal.post(reverse("account_login"), {"login": "inconnue", "password": "faux"})
    assert normalised_page(known).replace("zelie-k", "") == normalised_page(unknown).replace("inconnue", "")


@pytest.mark.slow
def test_a_wrong_password_takes_the_same_work_whether_or_not_an_account_exists(can_sign_in, monkeypatch):
    """Statements and hashes are counted, and no clock is read."""
    can_sign_in(TeacherFactory(username="connue"))
    can_sign_in(TeacherFactory(username="fermee", is_active=False))
    unusable = TeacherFactory(username="invitee")
    unusable.set_unusable_password()
    unusable.save()
    hashed = []
    encode = PBKDF2PasswordHasher.encode
    monkeypatch.setattr(
        PBKDF2PasswordHasher, "encode", lambda *given, **named: (hashed.append(1), encode(*given, **named))[1]
    )

    def work_for(name, address):
        hashed.clear()
        browser = HostClient(settings.BASE_DOMAIN, REMOTE_ADDR=address)
        statements = list_statements(lambda: browser.post(reverse("account_login"), {"login": name, "password": "x"}))
        return statements, len(hashed)

    work_for("premiere", "192.0.2.1")  # what the first visitor of the hour pays
    names = ("connue", "inconnue", "fermee", "invitee")
    known, *others = [work_for(name, f"192.0.2.{number}") for number, name in enumerate(names, 2)]
    assert known[1] > 0
    assert others == [known] * 3


@pytest.mark.slow
def test_concurrent_reset_requests_send_at_most_five_emails(committing):
    TeacherFactory(email="ecole@exemple.example")
    ask = functools.partial(passwords.request_reset, email="ecole@exemple.example", host="peps.localhost", at=TERM)
    run_concurrently("public", [ask] * 32, expected_errors=throttling.RateLimitExceeded)
    assert ResetRequest.objects.count() == RESET_BY_EMAIL.tries
