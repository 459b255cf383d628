"""Sessions: stored under a hash, ended by idleness and by age, which differ between the portal and the offices."""

import datetime

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.sessions import Session, SessionStore
from collectivities.capabilities import Role
from tests.accounts.emails import sign_in
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient

HOUR, DAY, MINUTE = datetime.timedelta(hours=1), datetime.timedelta(days=1), datetime.timedelta(minutes=1)


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only when it is told to."""

    class Clock:
        now = timezone.now()

        def advance(self, delta):
            self.now += delta

    stopped = Clock()
    monkeypatch.setattr(timezone, "now", lambda: stopped.now)
    return stopped


@pytest.fixture
def at_office(office, nimes, clock):
    """A manager's browser at the office, just signed in."""
    return office("nimes", MemberFactory(roles=[Role.MANAGER]).user)


@pytest.fixture
def at_portal(portal, clock):
    """A user's browser at the portal, just signed in."""
    portal.force_login(UserFactory())
    return portal


def is_signed_in(browser, path):
    return browser.get(path).status_code == 200


def dump_sessions():
    """Return every value of the session table, as a copy of the database holds it, and each word of the data."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM public.accounts_session")
        stored = [str(value) for row in cursor.fetchall() for value in row]
    return {*stored, *(word for value in stored for word in value.split(":"))}


# --- The store --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nothing_in_a_copy_of_the_session_table_signs_anybody_in(portal, office, nimes):
    operator = UserFactory(is_staff=True, is_superuser=True)
    portal.force_login(operator)
    office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    assert portal.get("/admin/").status_code == 200
    values = dump_sessions()
    assert str(operator.pk) in values
    for host, path in ((settings.BASE_DOMAIN, "/admin/"), (f"nimes.{settings.BASE_DOMAIN}", "/")):
        for value in values:
            thief = HostClient(host)
            thief.cookies[settings.SESSION_COOKIE_NAME] = value
            assert not is_signed_in(thief, path)


def test_the_store_keeps_djangos_contract(db):
    store = SessionStore()
    store["a"] = 1
    store.create()
    key = store.session_key
    assert key is not None
    assert store.exists(key)
    assert SessionStore(key)["a"] == 1
    store.cycle_key()
    assert (store["a"], store.exists(key), store.exists(store.session_key)) == (1, False, True)
    store.flush()
    assert (store.session_key, Session.objects.count()) == (None, 0)


def test_a_session_deleted_meanwhile_is_not_written_again(db):
    store = SessionStore()
    store.create()
    SessionStore(store.session_key).delete()
    store["a"] = 1
    with pytest.raises(UpdateError):
        store.save()


def test_expired_rows_are_cleared_and_load_nothing(db):
    store = SessionStore()
    store["a"] = 1
    store.create()
    Session.objects.update(expire_date=timezone.now() - DAY)
    assert SessionStore(store.session_key).load() == {}
    SessionStore.clear_expired()
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_asynchronous_methods_store_the_hash_as_well():
    async def write():
        store = SessionStore()
        await store.aset("a", 1)
        await store.acreate()
        await store.asave()
        assert await store.aexists(store.session_key)
        return store.session_key, await SessionStore(store.session_key).aload()

    key, loaded = async_to_sync(write)()
    assert loaded == {"a": 1}
    assert Session.objects.get().session_key != key
    assert len(Session.objects.get().session_key) == 64


# --- Lifetimes --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_office_session_ends_after_three_hours_without_activity(at_office, clock):
    clock.advance(3 * HOUR - MINUTE)
    assert is_signed_in(at_office, "/")
    clock.advance(3 * HOUR - MINUTE)
    assert is_signed_in(at_office, "/")
    clock.advance(3 * HOUR)
    assert not is_signed_in(at_office, "/")
    assert not is_signed_in(at_office, "/membres/")
    assert "pris fin" in at_office.get("/connexion/").content.decode()


@pytest.mark.slow
def test_an_office_session_ends_after_twelve_hours_of_work(at_office, clock):
    for _ in range(11):
        clock.advance(HOUR)
        assert is_signed_in(at_office, "/")
    clock.advance(HOUR)
    assert not is_signed_in(at_office, "/")


@pytest.mark.slow
def test_a_new_sign_in_begins_the_twelve_hours_anew(at_office, clock):
    for _ in range(11):
        clock.advance(HOUR)
        at_office.get("/")
    at_office.force_login(User.objects.get(pk=at_office.session["_auth_user_id"]))
    clock.advance(2 * HOUR)
    assert is_signed_in(at_office, "/")


@pytest.mark.slow
def test_the_operators_session_has_hours_and_a_users_two_weeks(at_portal, clock):
    operator = HostClient(settings.BASE_DOMAIN)
    operator.force_login(UserFactory(is_staff=True, is_superuser=True))
    clock.advance(3 * HOUR)
    assert not is_signed_in(operator, "/admin/")
    assert is_signed_in(at_portal, "/mon-compte/")
    for _ in range(13):
        clock.advance(DAY - MINUTE)
        assert is_signed_in(at_portal, "/mon-compte/")
    clock.advance(DAY)
    assert not is_signed_in(at_portal, "/mon-compte/")


def test_a_session_without_a_known_sign_in_has_ended(at_portal):
    session = at_portal.session
    del session["signed_in_at"]
    session.save()
    assert not is_signed_in(at_portal, "/mon-compte/")


@pytest.mark.slow
def test_the_activity_is_written_once_a_minute_in_one_query(at_office, clock):
    def list_queries():
        with CaptureQueriesContext(connection) as captured:
            at_office.get("/membres/")
        return [query["sql"] for query in captured.captured_queries]

    usual = len(list_queries())
    clock.advance(MINUTE / 2)
    assert len(list_queries()) == usual
    clock.advance(MINUTE / 2)
    queries = list_queries()
    writes = [sql for sql in queries if sql.startswith("UPDATE")]
    assert (len(queries), len(writes)) == (usual + 1, 1)
    assert "accounts_session" in writes[0]
    assert "session_data" not in writes[0]
    assert len(list_queries()) == usual


def test_recording_the_activity_keeps_what_another_request_stored(db):
    store = SessionStore()
    store.create()
    slow = SessionStore(store.session_key)
    slow.load()
    store["a"] = 1
    store.save()
    slow.touch(timezone.now())
    assert SessionStore(store.session_key)["a"] == 1


def test_a_key_from_before_the_sign_in_opens_nothing_afterwards(portal, can_sign_in):
    planted = SessionStore()
    planted.update({"host": settings.BASE_DOMAIN, "a": 1})
    planted.save()
    portal.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    sign_in(portal, can_sign_in(UserFactory()))
    assert portal.session["a"] == 1
    assert SessionStore(planted.session_key).load() == {}


def test_the_sessions_of_an_account_that_is_disabled_are_dead_at_once(at_portal):
    assert is_signed_in(at_portal, "/mon-compte/")
    User.objects.update(is_active=False)
    assert at_portal.get("/mon-compte/")["Location"].startswith("/connexion/")


def test_the_operator_ends_an_account_s_sessions_for_good_by_disabling_it(office, nimes, portal):
    person = MemberFactory().user
    browser = office("nimes", person)
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    for is_active in ("", "on"):
        form = {"last_name": "Diop", "first_name": "Awa", "phone": "", "is_active": is_active}
        assert portal.post(f"/admin/accounts/user/{person.pk}/change/", form).status_code == 302
    assert User.objects.get(pk=person.pk).is_active
    assert browser.get("/")["Location"].startswith("/connexion/")
