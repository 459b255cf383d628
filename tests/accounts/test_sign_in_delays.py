"""Delays at the sign-in of an account: a stranger's attempts keep nobody out, and find no password."""

import contextlib
import datetime

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts import attempt_delays, known_origins
from accounts.attempt_delays import AttemptTooEarly
from accounts.models import AccountEvent, AttemptDelay, KnownOrigin, User
from accounts.personal_data import erase_account
from tests.accounts.emails import PASSWORD, answer_resets, find_link, sign_in
from tests.accounts.waiting import let_pass
from tests.conftest import HostClient
from tests.emails import list_emails, render_email
from tests.factories.accounts import TeacherFactory, enable_second_factor

pytestmark = pytest.mark.slow

LOGIN = "/connexion/"
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
HOUR = datetime.timedelta(hours=1)
WRONG = "pas le bon"


@pytest.fixture
def person(can_sign_in):
    return can_sign_in(TeacherFactory(username="awa.diop"))


def at(address):
    """Return a new browser on a network."""
    return HostClient(settings.BASE_DOMAIN, REMOTE_ADDR=address)


def enter(browser, person, password=PASSWORD):
    """Sign in, then out; return the response, and forget neither cookie nor wait."""
    answer = sign_in(browser, person, password)
    browser.post("/deconnexion/")
    return answer


@pytest.fixture
def device(person):
    """A browser from which they have signed in."""
    browser = at(HOME)
    assert enter(browser, person).status_code == 302
    return browser


@pytest.fixture
def attack(rf, db):
    """Return what tries so many passwords, from many networks by default, and counts those that were looked at."""

    def attempt(times, *, address=None, name="awa.diop"):
        account = User.objects.filter(username=name).first()
        counted = 0
        for turn in range(times):
            request = rf.post(LOGIN, REMOTE_ADDR=address or f"203.0.113.{turn % 250}")
            with contextlib.suppress(AttemptTooEarly):
                # As the page does, without its hash of a quarter of a second.
                attempt_delays.begin_password(request, name, account)
                counted += 1
        return counted

    return attempt


def test_a_hundred_wrong_tries_of_a_stranger_do_not_keep_a_known_device_out(device, person, attack):
    assert attack(100) == attempt_delays.PASSWORDS.of_account.free
    assert enter(at(ELSEWHERE), person).status_code == 429
    device.defaults["REMOTE_ADDR"] = ELSEWHERE
    assert enter(device, person).status_code == 302


def test_a_hundred_wrong_tries_from_one_network_do_not_delay_another_network(person, attack):
    assert attack(100, address=ELSEWHERE) == attempt_delays.PASSWORDS.at_network.free
    assert enter(at(HOME), person).status_code == 302


def test_an_unknown_device_waits_ten_minutes_at_most_whoever_tries(person, attack):
    for _ in range(4):
        attack(30)
        let_pass(datetime.timedelta(minutes=5))
    attack(30)
    answer = enter(at(ELSEWHERE), person)
    assert (answer.status_code, int(answer["Retry-After"]) <= 600) == (429, True)
    let_pass(datetime.timedelta(minutes=10))
    assert enter(at(ELSEWHERE), person).status_code == 302


def test_a_known_network_does_not_wait_for_attempts_elsewhere(device, person, attack):
    attack(100)
    assert enter(at(HOME), person).status_code == 302


def test_colleagues_who_mistype_on_one_network_do_not_close_it_for_each_other(device, person, attack):
    AttemptDelay.objects.all().delete()
    for number in range(30):
        attack(4, address=HOME, name=f"collegue{number}")
    assert enter(at(HOME), person).status_code == 302


def test_a_known_device_has_a_budget_of_its_own(device, person, attack):
    """Its cookie may have been stolen."""
    tries = [sign_in(device, person, WRONG).status_code for _ in range(12)]
    assert tries == [200] * attempt_delays.PASSWORDS.at_device.free + [429] * 2
    assert sign_in(device, person).status_code == 429
    let_pass(HOUR)
    assert sign_in(device, person).status_code == 302


def test_the_cookie_of_one_account_opens_no_budget_for_another(device, can_sign_in, attack):
    other = can_sign_in(TeacherFactory(username="paul"))
    attack(100, name="paul")
    device.defaults["REMOTE_ADDR"] = ELSEWHERE
    assert sign_in(device, other).status_code == 429


@pytest.mark.parametrize("value", ["", "x", "a:b:c", "é", "x" * 3000])
def test_a_forged_cookie_is_no_known_device(device, person, attack, value):
    attack(30)
    thief = at(ELSEWHERE)
    thief.cookies[known_origins.COOKIE_NAME] = value
    assert sign_in(thief, person).status_code == 429


def test_a_new_password_makes_all_devices_unknown(device, person, attack):
    person.set_password("quatre-petits-chats")
    person.save()
    attack(30)
    device.defaults["REMOTE_ADDR"] = ELSEWHERE
    assert sign_in(device, person, "quatre-petits-chats").status_code == 429


def test_a_forgotten_password_leads_in_while_strangers_go_on(person, attack):
    attack(30)
    browser = at(ELSEWHERE)
    browser.post("/mot-de-passe/oublie/", {"email": person.email})
    answer_resets()
    [email] = list_emails("account.reset")
    page = browser.follow_link(find_link(render_email(email).text))
    new = {"password1": "quatre-petits-chats", "password2": "quatre-petits-chats"}
    browser.post(page.redirect_chain[-1][0], new)
    assert sign_in(browser, person, "quatre-petits-chats").status_code == 302


def test_who_changes_their_password_stays_on_a_known_device(device, person, attack):
    sign_in(device, person)
    new = {"password1": "quatre-petits-chats", "password2": "quatre-petits-chats"}
    device.post("/mot-de-passe/", {"oldpassword": PASSWORD, **new})
    device.post("/deconnexion/")
    attack(30)
    device.defaults["REMOTE_ADDR"] = ELSEWHERE
    assert sign_in(device, person, "quatre-petits-chats").status_code == 302


@pytest.mark.small
def test_a_device_is_known_after_the_second_factor_only(person):
    enable_second_factor(person)
    browser = at(HOME)
    assert sign_in(browser, person)["Location"].startswith("/securite/code/")
    assert known_origins.COOKIE_NAME not in browser.cookies
    assert not KnownOrigin.objects.exists()


def test_origins_name_nobody_and_go_with_the_account(device, person):
    stored = str(list(KnownOrigin.objects.values()))
    token = device.cookies[known_origins.COOKIE_NAME].value.partition(":")[0]
    assert person.username not in stored
    assert HOME not in stored
    assert token not in stored
    erase_account(person, at=timezone.now())
    assert not KnownOrigin.objects.exists()


@pytest.mark.small
def test_the_cookie_is_for_this_host_and_no_script(person):
    cookie = sign_in(at(HOME), person).cookies[known_origins.COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"], cookie["path"]) == (True, "Lax", "", "/")
    assert cookie["max-age"] == 180 * 24 * 3600


def test_the_ten_latest_devices_are_known(person, device):
    KnownOrigin.objects.update(seen_at=timezone.now() - HOUR)
    owner = attempt_delays.get_owner(person)
    for _ in range(known_origins.MAX_ORIGINS[KnownOrigin.Kind.DEVICE]):
        known_origins.remember(known_origins.Origin(HOME), device_of=owner, network_of=owner)
    assert KnownOrigin.objects.filter(kind=KnownOrigin.Kind.DEVICE).count() == 10
    first = known_origins.read_origin(device.get(LOGIN).wsgi_request)
    assert known_origins.find_known(first, device_of=owner, network_of=owner) == {KnownOrigin.Kind.NETWORK}


@pytest.mark.small
def test_an_old_device_is_not_known_and_its_row_deleted(person, device):
    KnownOrigin.objects.filter(kind="device").update(seen_at=timezone.now() - datetime.timedelta(days=181))
    owner = attempt_delays.get_owner(person)
    origin = known_origins.read_origin(device.get(LOGIN).wsgi_request)
    assert known_origins.find_known(origin, device_of=owner, network_of=owner) == {KnownOrigin.Kind.NETWORK}
    assert known_origins.prune() == 1


@pytest.mark.small
def test_a_refused_attempt_says_how_long_and_what_to_do(person, attack):
    attack(5, address=HOME)
    answer = sign_in(at(HOME), person)
    [sentence] = answer.context["form"].non_field_errors()
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    assert "réessayez dans 5 secondes" in sentence
    assert "Mot de passe oublié" in sentence
    assert reverse("account_reset_password") in answer.content.decode()


def test_names_that_no_account_has_wait_as_accounts_do(person, attack):
    known, unknown = (
        [at(HOME).post(LOGIN, {"login": name, "password": WRONG}) for _ in range(6)]
        for name in ("awa.diop", "personne")
    )
    assert [one.status_code for one in known] == [one.status_code for one in unknown] == [200] * 5 + [429]
    assert known[-1]["Retry-After"] == unknown[-1]["Retry-After"]
    assert attack(30, name="personne") == attack(30)


def test_refused_attempts_have_one_line_of_the_journal(person, attack):
    attack(12, address=HOME)
    assert sign_in(at(HOME), person).status_code == 429
    assert not AccountEvent.objects.exists()
    let_pass(datetime.timedelta(seconds=5))
    sign_in(at(HOME), person)
    assert "après 8\u00a0essais refusés sans examen" in AccountEvent.objects.latest("pk").summary


@pytest.mark.small
def test_one_account_is_guessed_some_fifty_thousand_times_a_year_at_most():
    """By however many networks: docs/decisions/0097 reckons with it."""
    rule = attempt_delays.PASSWORDS.of_account
    assert datetime.timedelta(days=365) / min(rule.longest, rule.forget_every) == 52_560


@pytest.mark.small
def test_a_known_network_is_refused_beyond_its_own_attempts(rf, person, device):
    request = rf.post(LOGIN, REMOTE_ADDR=HOME)
    for _ in range(attempt_delays.PASSWORDS.at_network.free):
        attempt_delays.begin_password(request, person.username, person)
    with pytest.raises(AttemptTooEarly):
        attempt_delays.begin_password(request, person.username, person)
