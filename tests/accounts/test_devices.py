"""« Mes appareils »: what an account sees of its sessions and devices, and ends."""

import datetime
import re

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import devices, known_origins
from accounts.known_origins import Origin
from accounts.models import AccountEvent, KnownOrigin
from accounts.sessions import Session
from collectivities.capabilities import Role
from tests.accounts.emails import PASSWORD, mark_reauthenticated, sign_in
from tests.conftest import HostClient
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.collectivities import MemberFactory

pytestmark = pytest.mark.slow

PAGE = "/securite/appareils/"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1"


def browse(address, user_agent, user=None):
    """Return a new browser on a network, signed in without a password where there is a user."""
    browser = HostClient(settings.BASE_DOMAIN, REMOTE_ADDR=address, HTTP_USER_AGENT=user_agent)
    if user is not None:
        browser.force_login(user)
        # Names the host in the session, as the first page of a real sign-in does.
        session = browser.session
        session["host"] = settings.BASE_DOMAIN
        session["signed_in_from"] = [address, known_origins.describe_browser(browser.get("/").wsgi_request)]
        session.save()
    return browser


@pytest.fixture
def person(db):
    return TeacherFactory(username="awa.diop")


@pytest.fixture
def own(person):
    """The browser at which they look at the page, having given their password."""
    browser = browse(HERE, FIREFOX, person)
    mark_reauthenticated(browser, person)
    return browser


@pytest.fixture
def stolen(person):
    """Another browser, elsewhere, that is signed in to the same account."""
    return browse(ELSEWHERE, SAFARI, person)


def is_signed_in(browser):
    return browser.get("/mon-compte/").status_code == 200


def find_key(page):
    return re.search(r'name="session" value="(\w+)"', page)[1]


def list_actions(person):
    return list(AccountEvent.objects.filter(account_id=person.pk).values_list("action", "summary"))


def test_the_page_says_when_from_where_and_with_which_browser(own, stolen):
    page = re.sub(r"\s+", " ", own.get(PAGE).content.decode())
    assert "Firefox sur Windows" in page
    assert "Safari sur iPhone" in page
    assert "Portail Pep’s" in page
    assert page.count("Depuis le réseau que vous utilisez en ce moment") == 1
    assert f"Depuis un autre réseau (adresse {ELSEWHERE})" in page
    assert page.count("Fermer cette session") == 1


def test_a_session_ended_elsewhere_is_dead_at_its_next_request(own, stolen, person):
    assert is_signed_in(stolen)
    answer = own.post(PAGE, {"session": find_key(own.get(PAGE).content.decode())}, follow=True)
    assert "devra se connecter à nouveau" in answer.content.decode()
    assert stolen.get("/mon-compte/")["Location"].startswith("/connexion/")
    assert is_signed_in(own)
    assert list_actions(person) == [("session_ended", "Session fermée d'ailleurs : Safari sur iPhone, portail.")]


@pytest.mark.small
def test_a_request_under_way_does_not_bring_an_ended_session_back(own, stolen, person):
    loaded = stolen.session
    loaded.load()
    devices.end_session(user=person, key=find_key(own.get(PAGE).content.decode()), at=timezone.now())
    loaded.touch(timezone.now())
    assert not is_signed_in(stolen)


def test_all_others_end_at_once_at_every_host(person, office, nimes, can_sign_in):
    can_sign_in(person)
    at_office = office("nimes", MemberFactory(user=person, roles=[Role.MANAGER]).user)
    own, stolen = browse(HERE, FIREFOX, person), browse(ELSEWHERE, SAFARI, person)
    mark_reauthenticated(own, person)
    other_device = browse(ELSEWHERE, SAFARI)
    assert sign_in(other_device, person).status_code == 302
    assert all(map(is_signed_in, (stolen, other_device)))
    assert "Fermer toutes les autres sessions" in own.get(PAGE).content.decode()
    answer = own.post(PAGE, {"autres": "oui"}, follow=True)
    assert "les autres appareils oubliés" in answer.content.decode()
    assert not any(map(is_signed_in, (stolen, other_device)))
    assert at_office.get("/membres/")["Location"].startswith("/connexion/")
    assert is_signed_in(own)
    assert not KnownOrigin.objects.filter(owner=f"user:{person.pk}").exists()
    assert "Fermer toutes les autres sessions" not in own.get(PAGE).content.decode()


def test_a_known_device_is_forgotten_one_by_one(own, person, can_sign_in):
    can_sign_in(person)
    device = browse(ELSEWHERE, SAFARI)
    sign_in(device, person)
    own.force_login(person)
    mark_reauthenticated(own, person)
    [row] = KnownOrigin.objects.filter(owner=f"user:{person.pk}", kind="device")
    page = own.get(PAGE).content.decode()
    assert f'name="appareil" value="{row.pk}"' in page
    assert "cet appareil</span>" in device.get(PAGE).content.decode()
    assert "oublié" in own.post(PAGE, {"appareil": str(row.pk)}, follow=True).content.decode()
    assert not KnownOrigin.objects.filter(pk=row.pk).exists()
    assert ("device_forgotten", "Appareil connu oublié : Safari sur iPhone.") in list_actions(person)


@pytest.mark.parametrize("field", ["session", "appareil"])
def test_nobody_sees_or_ends_what_is_another_account_s(own, field):
    other = PrincipalFactory()
    theirs = browse(ELSEWHERE, SAFARI, other)
    KnownOrigin.objects.create(
        owner=f"user:{other.pk}", kind="device", digest="0" * 64, seen_at=timezone.now(), by_second_factor=True
    )
    [key] = Session.objects.filter(account=other.pk).values_list("pk", flat=True)
    page = own.get(PAGE).content.decode()
    assert key not in page
    assert "Safari" not in page
    values = {"session": key, "appareil": str(KnownOrigin.objects.get().pk)}
    assert "déjà" in own.post(PAGE, {field: values[field]}, follow=True).content.decode()
    assert is_signed_in(theirs)
    assert KnownOrigin.objects.exists()
    assert not AccountEvent.objects.exists()


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 30, "é"])
@pytest.mark.parametrize("field", ["session", "appareil"])
def test_what_no_button_sends_ends_nothing(own, stolen, field, value):
    assert own.post(PAGE, {field: value}).status_code == 302
    assert is_signed_in(stolen)


def test_ending_asks_for_the_password_unless_it_was_given_a_moment_ago(person, can_sign_in):
    can_sign_in(person)
    own = browse(HERE, FIREFOX, person)
    browse(ELSEWHERE, SAFARI, person)
    key = find_key(own.get(PAGE).content.decode())
    for data in ({"session": key}, {"autres": "oui"}):
        asked = own.post(PAGE, data)
        assert 'name="confirmation-password"' in asked.content.decode()
        assert Session.objects.filter(pk=key).exists()
    assert own.post(PAGE, {"session": key, "confirmation-password": PASSWORD}).status_code == 302
    assert not Session.objects.filter(pk=key).exists()


@pytest.mark.small
def test_sessions_that_no_request_may_use_are_not_shown(own, stolen, person):
    person.session_generation += 1
    person.save()
    assert devices.list_sessions(person, at=timezone.now()) == []
    person.session_generation -= 1
    person.save()
    assert len(devices.list_sessions(person, at=timezone.now())) == 2
    assert devices.list_sessions(person, at=timezone.now() + datetime.timedelta(days=14)) == []


@pytest.mark.small
def test_devices_of_an_earlier_password_are_shown_where_they_passed_the_second_factor(person):
    now = timezone.now()
    for proved in (True, False):
        KnownOrigin.objects.create(
            owner=f"user:{person.pk}",
            kind="device",
            digest=str(proved),
            seen_at=now,
            version="of an earlier one",
            by_second_factor=proved,
        )
    assert [device.digest for device in devices.list_devices(person, at=now)] == ["True"]
    assert devices.list_devices(person, at=now + datetime.timedelta(days=181)) == []


def test_the_page_makes_as_many_queries_however_many_sessions_there_are(own, person, django_assert_num_queries):
    own.get(PAGE)
    with django_assert_num_queries(3):
        own.get(PAGE)
    for number in range(5):
        browse(f"203.0.113.{number}", SAFARI, person)
        KnownOrigin.objects.create(
            owner=f"user:{person.pk}", kind="device", digest=str(number), seen_at=timezone.now(), by_second_factor=True
        )
    with django_assert_num_queries(3):
        assert own.get(PAGE).content.decode().count("Fermer cette session") == 5


@pytest.mark.small
def test_ending_the_others_counts_them_and_leaves_the_network_one_sits_at(own, stolen, person):
    origin = Origin(HERE)
    key = own.session.session_key
    assert devices.end_others(user=person, session_key=key, origin=origin, at=timezone.now()) == 1
    assert list_actions(person)[0][1].startswith("Session fermée d'ailleurs : toutes les autres (1\xa0session)")


@pytest.mark.small
@pytest.mark.parametrize(
    ("header", "words"),
    [
        (FIREFOX, "Firefox sur Windows"),
        (SAFARI, "Safari sur iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36", "Chrome sur Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0", "Edge sur Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36", "Chrome sur Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15", "Safari sur Mac"),
        ("<script>alert(1)</script>", "Navigateur inconnu"),
        ("", "Navigateur inconnu"),
    ],
)
def test_a_browser_is_named_by_what_its_owner_calls_it(rf, header, words):
    assert known_origins.describe_browser(rf.get("/", HTTP_USER_AGENT=header)) == words
