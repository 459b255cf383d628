"""The code of the server that an operator types before a first second factor."""

import datetime
import functools
import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import second_factor
from accounts.known_origins import Origin
from accounts.models import AccountEvent, EnrolmentCode, User
from tests.accounts.emails import mark_reauthenticated
from tests.factories.accounts import OperatorFactory, UserFactory, enable_second_factor, get_totp_code
from tests.races import run_concurrently

HERE = Origin("192.0.2.1")
ASK = "/securite/code-du-serveur/"
ENROL = ["/securite/activer/", "/securite/cles/ajouter/"]


@pytest.fixture
def operator(db, settings):
    settings.OPERATOR_SECOND_FACTOR = True
    return OperatorFactory()


@pytest.fixture
def browser(portal, operator):
    """The browser of an operator who has just given their password, and has no second factor."""
    portal.force_login(operator)
    mark_reauthenticated(portal, operator)
    return portal


def print_code(user):
    printed = io.StringIO()
    call_command("second_factor_code", user.username, stdout=printed)
    return re.search(r"(?:[A-Z]{4}-){3}[A-Z]{4}", printed.getvalue())[0]


@pytest.mark.parametrize("page", ENROL)
def test_the_password_of_an_operator_alone_enrols_no_factor(browser, operator, page):
    assert browser.get(page)["Location"] == f"{ASK}?next={page}"
    assert browser.post(page, {"code": "123456"})["Location"] == f"{ASK}?next={page}"
    assert not second_factor.is_enabled(operator)


@pytest.mark.parametrize("page", ENROL)
def test_the_code_of_the_server_opens_the_enrolment(browser, operator, page):
    typed = print_code(operator).replace("-", " ").lower()
    assert browser.post(ASK, {"code": typed, "next": page})["Location"] == page
    assert browser.get(page).status_code == 200


def test_a_code_works_once_and_in_the_session_that_typed_it(browser, portal, office, operator):
    code = print_code(operator)
    browser.post(ASK, {"code": code})
    thief = office("nimes", operator)
    assert "a déjà servi" in thief.post(ASK, {"code": code}).content.decode()
    assert thief.get(ENROL[0]).status_code == 302


@pytest.mark.parametrize("elapsed", [datetime.timedelta(hours=1), datetime.timedelta(days=2)])
def test_a_code_ends_after_an_hour(operator, elapsed):
    issued = timezone.now()
    code = second_factor.issue(user=operator, at=issued)
    with pytest.raises(second_factor.EnrolmentCodeError):
        second_factor.redeem(user=operator, code=code, origin=HERE, at=issued + elapsed)


def test_what_one_operator_was_allowed_is_of_no_use_to_another_in_the_same_session(rf, operator):
    request = rf.get(ENROL[0])
    request.user, request.session = operator, {}
    second_factor.allow_session(request, until=timezone.now() + second_factor.VALIDITY)
    assert second_factor.MayEnrol()(request) is None
    request.user = OperatorFactory()
    assert second_factor.MayEnrol()(request).status_code == 302


def test_the_code_of_another_operator_is_refused_and_journaled(browser, operator):
    code = print_code(OperatorFactory())
    assert "n’est pas le bon" in browser.post(ASK, {"code": code}).content.decode()
    refused = AccountEvent.objects.filter(action=AccountEvent.Action.CODE_REFUSED, account_id=operator.pk)
    assert refused.count() == 1


@pytest.mark.slow
def test_wrong_codes_are_limited(browser, operator):
    for _ in range(10):
        browser.post(ASK, {"code": "BBBB"})
    assert "Trop d’essais" in browser.post(ASK, {"code": print_code(operator)}).content.decode()


def test_a_later_code_replaces_the_earlier_one(operator):
    now = timezone.now()
    first, second = (second_factor.issue(user=operator, at=now) for _ in range(2))
    with pytest.raises(second_factor.EnrolmentCodeError):
        second_factor.redeem(user=operator, code=first, origin=HERE, at=now)
    assert second_factor.redeem(user=operator, code=second, origin=HERE, at=now) == now + second_factor.VALIDITY


def test_the_code_is_stored_hashed(operator):
    code = print_code(operator)
    stored = EnrolmentCode.objects.get().code_hash
    assert code.replace("-", "") not in stored
    assert len(stored) == 64


@pytest.mark.slow
def test_a_removed_factor_asks_for_a_new_code(browser, operator):
    browser.post(ASK, {"code": print_code(operator)})
    page = browser.get(ENROL[0])
    browser.post(ENROL[0], {"code": get_totp_code(page.context["form"].secret)})
    assert second_factor.is_enabled(operator)
    mark_reauthenticated(browser, operator)
    browser.post("/securite/desactiver/")
    assert not second_factor.is_enabled(operator)
    assert browser.get(ENROL[0])["Location"].startswith(ASK)


def test_an_operator_with_a_factor_adds_another_without_a_code(browser, operator):
    enable_second_factor(operator)
    assert browser.get(ENROL[1]).status_code == 200


@pytest.mark.slow
def test_an_account_that_is_no_operator_needs_no_code(operator, portal):
    user = UserFactory()
    portal.force_login(user)
    mark_reauthenticated(portal, user)
    assert portal.get(ENROL[0]).status_code == 200


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (UserFactory, "n'est pas un compte d'exploitation"),
        (functools.partial(OperatorFactory, is_active=False), "Aucun compte actif"),
    ],
)
def test_the_command_says_why_it_gives_no_code(operator, make, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("second_factor_code", make().username)


def test_the_command_gives_no_code_beside_a_factor(operator):
    enable_second_factor(operator)
    with pytest.raises(CommandError, match="remove_second_factor"):
        call_command("second_factor_code", operator.username)


@pytest.mark.as_owner
def test_creating_a_superuser_tells_about_the_code(operator):
    printed = io.StringIO()
    call_command(
        "createsuperuser", username="chef", email="chef@exemple.example", interactive=False, stdout=printed, verbosity=0
    )
    assert User.objects.get(username="chef").is_superuser
    assert "manage.py second_factor_code chef" in printed.getvalue()


def test_two_requests_with_one_code_are_let_through_once(committing, operator):
    now = timezone.now()
    code = second_factor.issue(user=operator, at=now)
    redeem = functools.partial(second_factor.redeem, user=operator, code=code, origin=HERE, at=now)
    outcomes = run_concurrently("public", [redeem] * 6, expected_errors=second_factor.EnrolmentCodeError)
    assert sum(isinstance(outcome, datetime.datetime) for outcome in outcomes) == 1
