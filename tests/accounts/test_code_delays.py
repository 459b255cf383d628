"""Delays at the codes of the second factor: a stranger who has the password keeps nobody out, and finds no code."""

import contextlib
import datetime
import functools
import itertools

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings

from accounts import attempt_delays, known_origins
from accounts.attempt_delays import AttemptTooEarly
from accounts.known_origins import Origin
from accounts.models import AccountEvent, AttemptDelay, KnownOrigin
from tests.accounts.emails import answer_resets, find_link, sign_in
from tests.accounts.waiting import let_pass
from tests.conftest import HostClient
from tests.emails import list_emails, render_email
from tests.factories.accounts import TeacherFactory, enable_second_factor, get_totp_code
from tests.races import run_concurrently, three_rounds

CODE = "/securite/code/"
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
WRONG = {"code": "000000"}


def at(address):
    """Return a new browser on a network."""
    return HostClient(settings.BASE_DOMAIN, REMOTE_ADDR=address)


@pytest.fixture
def person(can_sign_in):
    """An account with a second factor; `secret` is the TOTP secret in plain text."""
    person = can_sign_in(TeacherFactory(username="awa.diop"))
    person.secret = enable_second_factor(person)
    return person


@pytest.fixture
def device(person):
    """A browser from which they have signed in, by the last code; the present one is unused."""
    browser = at(HOME)
    sign_in(browser, person)
    assert browser.post(CODE, {"code": get_totp_code(person.secret, steps=-1)}).status_code == 302
    browser.post("/deconnexion/")
    return browser


def enter(browser, person):
    """Sign in by password and present code; return the response to the code."""
    sign_in(browser, person)
    return browser.post(CODE, {"code": get_totp_code(person.secret)})


def attack(person, times, *, address=None, code="000000"):
    """Try so many codes, from many networks by default; return how many were looked at."""
    counted = 0
    for turn in range(times):
        with contextlib.suppress(AttemptTooEarly):
            attempt_delays.begin_code(Origin(address or f"203.0.113.{turn % 250}"), person, code)
            counted += 1
    return counted


def attack_without_a_pause(person, networks, *, time):
    """Try a code whenever one is looked at, on one network after the other; yield 1 for each."""
    addresses = itertools.cycle(networks)
    while time > datetime.timedelta():
        try:
            attempt_delays.begin_code(Origin(next(addresses)), person, "000000")
        except AttemptTooEarly as refusal:
            let_pass(refusal.wait)
            time -= refusal.wait
        else:
            yield 1


def get_recovery_codes(person):
    return Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes()


@pytest.mark.slow
def test_wrong_codes_of_a_stranger_with_the_password_do_not_keep_a_known_device_out(device, person):
    stranger = at(ELSEWHERE)
    sign_in(stranger, person)
    answers = [stranger.post(CODE, WRONG).status_code for _ in range(12)]
    assert answers == [200] * attempt_delays.APPLICATION_CODES.at_network.free + [429] * 7
    assert enter(device, person).status_code == 302
    assert device.session["_auth_user_id"] == str(person.pk)


@pytest.mark.slow
def test_a_known_device_and_a_known_network_do_not_wait_for_codes_tried_from_many_networks(device, person):
    assert attack(person, 100) == attempt_delays.APPLICATION_CODES.of_account.free
    assert enter(at(ELSEWHERE), person).status_code == 429
    assert enter(at(HOME), person).status_code == 302
    device.defaults["REMOTE_ADDR"] = ELSEWHERE
    sign_in(device, person)
    assert device.post(CODE, {"code": get_totp_code(person.secret, steps=1)}).status_code == 302


@pytest.mark.slow
def test_one_network_never_makes_the_owner_wait_on_another_one(person):
    for _ in attack_without_a_pause(person, [ELSEWHERE], time=datetime.timedelta(hours=6)):
        pass
    assert attack(person, 1, address=HOME) == 1


@pytest.mark.slow
def test_a_day_of_guesses_from_many_networks_stays_under_its_bound(person):
    networks = [f"203.0.113.{number}" for number in range(250)]
    tried = sum(attack_without_a_pause(person, networks, time=datetime.timedelta(days=1)))
    # 9 while the wait grows to its longest.
    free = attempt_delays.APPLICATION_CODES.of_account.free
    assert free + 40 < tried <= free + 9 + 48


@pytest.mark.django_db(transaction=True)
@three_rounds
def test_parallel_guesses_do_not_exceed_the_bound(committing, race_round):
    person = TeacherFactory()
    free = attempt_delays.APPLICATION_CODES.of_account.free
    guesses = [
        functools.partial(attempt_delays.begin_code, Origin(f"203.0.113.{turn}"), person, "000000")
        for turn in range(free + 10)
    ]
    outcomes = run_concurrently("public", guesses, expected_errors=AttemptTooEarly)
    counted = [outcome for outcome in outcomes if not isinstance(outcome, AttemptTooEarly)]
    assert len(counted) == free
    assert sum(attempt.has_just_reached(attempt_delays.TRIED_ELSEWHERE) for attempt in counted) == 1


@pytest.mark.slow
def test_the_right_code_waits_as_a_wrong_one_does(person):
    browser = at(ELSEWHERE)
    sign_in(browser, person)
    attack(person, attempt_delays.APPLICATION_CODES.at_network.free, address=ELSEWHERE)
    answer = browser.post(CODE, {"code": get_totp_code(person.secret)})
    assert (answer.status_code, 1 <= int(answer["Retry-After"]) <= 5) == (429, True)
    assert f"réessayez dans {answer['Retry-After']} seconde" in " ".join(answer.content.decode().split())
    assert "_auth_user_id" not in browser.session
    let_pass(datetime.timedelta(seconds=5))
    assert browser.post(CODE, {"code": get_totp_code(person.secret)}).status_code == 302
    assert attack(person, 100, address=ELSEWHERE) == attempt_delays.APPLICATION_CODES.at_network.free


@pytest.mark.slow
def test_a_wrong_code_says_in_the_journal_how_many_were_not_looked_at(person):
    attack(person, 8, address=ELSEWHERE)
    let_pass(datetime.timedelta(seconds=5))
    browser = at(ELSEWHERE)
    sign_in(browser, person)
    browser.post(CODE, WRONG)
    event = AccountEvent.objects.get(action=AccountEvent.Action.CODE_REFUSED)
    assert event.summary.startswith("Code refusé : après 3\xa0essais refusés sans examen")


@pytest.mark.slow
def test_recovery_codes_and_those_of_the_application_are_counted_apart(person):
    attack(person, 100)
    browser = at(ELSEWHERE)
    assert enter(browser, person).status_code == 429
    recovery = get_recovery_codes(person)[0]
    assert browser.post(CODE, {"code": f"{recovery[:4]} {recovery[4:]}"}).status_code == 302
    assert attack(person, 100, code="0000 0000") == attempt_delays.RECOVERY_CODES.of_account.free
    browser.post("/deconnexion/")
    let_pass(datetime.timedelta(hours=24))
    assert attack(person, 100, code="00000000") == attempt_delays.RECOVERY_CODES.of_account.free
    assert enter(at(HOME), person).status_code == 302


@pytest.mark.parametrize("code", ["000000", "000 000", "0-0-0-0-0-0", " 000000."])
def test_a_code_of_the_application_is_counted_as_one_however_it_is_written(person, code):
    attack(person, 1, code=code)
    assert {row.scope.partition("/")[0] for row in AttemptDelay.objects.all()} == {"code"}


@pytest.mark.slow
def test_a_new_password_makes_no_device_known_to_the_codes(device, person):
    """Whoever has the password and the mailbox would else get new codes to try with each new password."""
    browser = at(ELSEWHERE)
    browser.post("/mot-de-passe/oublie/", {"email": person.email})
    answer_resets()
    [email] = list_emails("account.reset")
    page = browser.follow_link(find_link(render_email(email).text))
    new = "quatre-petits-chats"
    browser.post(page.redirect_chain[-1][0], {"password1": new, "password2": new})
    person.refresh_from_db()
    [owner, known] = [attempt_delays.get_owner(person), known_origins.read_origin(browser.get("/").wsgi_request)]
    assert known_origins.find_known(known, device_of=owner, network_of=owner) == {"device", "network"}
    assert not known_origins.find_known(known, device_of=owner, network_of=owner, by_second_factor=True)
    attack(person, 100)
    sign_in(browser, person, new)
    assert browser.post(CODE, WRONG).status_code == 429
    # The owner's own device has passed the second factor, whatever the password.
    device.defaults["REMOTE_ADDR"] = "198.51.100.8"
    sign_in(device, person, new)
    assert device.post(CODE, {"code": get_totp_code(person.secret)}).status_code == 302


@pytest.mark.slow
def test_one_device_is_remembered_once_with_its_browser(device):
    [row] = KnownOrigin.objects.filter(kind="device")
    assert (row.by_second_factor, row.browser) == (True, "Navigateur inconnu")


@pytest.mark.slow
def test_the_owner_is_notified_once_of_codes_tried_with_their_password(device, person):
    stranger = at(ELSEWHERE)
    sign_in(stranger, person)
    for _ in range(attempt_delays.TRIED_ELSEWHERE.free - 1):
        stranger.post(CODE, WRONG)
    assert not list_emails("account.codes_tried")
    for _ in range(30):
        stranger.post(CODE, WRONG)
        let_pass(datetime.timedelta(hours=1))
    [email] = list_emails("account.codes_tried")
    assert email.recipient == person.email
    sent = render_email(email)
    assert sent.subject == "Quelqu'un connaît le mot de passe du compte «\u00a0awa.diop\u00a0»"
    assert "elle connaît votre mot de passe" in sent.text
    assert "http://peps.localhost/securite/appareils/" in sent.text.replace(":8000", "")
    assert "/mot-de-passe/oublie/" in sent.text
    let_pass(datetime.timedelta(days=8))
    stranger.post(CODE, WRONG)
    assert len(list_emails("account.codes_tried")) == 2


@pytest.mark.slow
def test_own_mistakes_on_a_new_device_or_a_known_one_send_no_email(device, person):
    for steps in (0, 1):
        browser = at(ELSEWHERE)
        sign_in(browser, person)
        for _ in range(attempt_delays.TRIED_ELSEWHERE.free - 1):
            browser.post(CODE, WRONG)
        assert browser.post(CODE, {"code": get_totp_code(person.secret, steps=steps)}).status_code == 302
    sign_in(device, person)
    for _ in range(8):
        device.post(CODE, WRONG)
    assert not list_emails("account.codes_tried")


def test_the_bound_of_the_documents_holds():
    rule = attempt_delays.APPLICATION_CODES.of_account
    assert datetime.timedelta(days=365) / min(rule.longest, rule.forget_every) == 17_520
    assert rule.free > attempt_delays.APPLICATION_CODES.at_network.max_failures
