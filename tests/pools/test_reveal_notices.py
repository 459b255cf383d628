"""A burst of keys shown is told to the other managers, by one e-mail each."""

import datetime

import pytest
from django.db import connection

from core.connections import connection as tenant_connection
from licensing.orders import operations as orders
from licensing.pools import key_emails
from licensing.pools.key_emails import MANY_KEYS
from licensing.pools.models import MANY_REVEALED
from mailing import kinds
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units

pytestmark = pytest.mark.slow

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def allocations(nimes):
    pool = orders.grant(collectivity=nimes, licences=100, reason="Essai", by=None, at=TERM)
    return [allocate_units(pool, SchoolFactory(), units=1).pk for _ in range(MANY_KEYS + 3)]


@pytest.fixture
def curious(nimes):
    """A manager; two other managers and a viewer work beside them, and a third manager has left."""
    user = UserFactory(username="curieux", first_name="Jean", last_name="Valjean")
    MemberFactory(user=user, roles=["manager"])
    MemberFactory(user=UserFactory(email="une@ville.example"), roles=["manager", "buyer"])
    MemberFactory(user=UserFactory(email="deux@ville.example"), roles=["manager"])
    MemberFactory(user=UserFactory(email="lectrice@ville.example"), roles=["viewer"])
    MemberFactory(user=UserFactory(email="partie@ville.example"), roles=["manager"], left_at=TERM)
    return user


def reveal(allocation_ids, by, start=TERM, step=MINUTE):
    for n, allocation_id in enumerate(allocation_ids):
        key_emails.reveal(allocation_id=allocation_id, by=by, at=start + n * step)


def list_notices():
    return Message.objects.filter(kind=MANY_REVEALED).order_by("recipient")


@pytest.mark.small
def test_few_keys_disturb_nobody(allocations, curious):
    reveal(allocations[: MANY_KEYS - 1], curious)
    assert not list_notices().exists()


def test_each_other_manager_is_notified_of_a_burst_once(allocations, curious):
    reveal(allocations, curious)
    notices = list(list_notices())
    assert [notice.recipient for notice in notices] == ["deux@ville.example", "une@ville.example"]
    rendered = kinds.get(MANY_REVEALED).render(notices[0])
    assert rendered.subject == "13 clés affichées dans le bureau Ville de Nîmes"
    assert "Jean Valjean (identifiant « curieux »)" in rendered.text
    assert "nimes.peps.localhost" in rendered.text
    assert "/journal/?text=curieux&subject=keys" in rendered.text


def test_the_next_burst_is_notified_again(allocations, curious):
    reveal(allocations[:MANY_KEYS], curious)
    reveal(allocations[:MANY_KEYS], curious, start=TERM + datetime.timedelta(days=3))
    assert list_notices().count() == 4


def test_keys_shown_over_many_days_are_no_burst(allocations, curious):
    reveal(allocations, curious, step=datetime.timedelta(hours=6))
    assert not list_notices().exists()


def test_two_people_are_no_burst(allocations, curious):
    reveal(allocations[:6], curious)
    reveal(allocations[6:12], UserFactory())
    assert not list_notices().exists()


def test_a_manager_alone_is_written_to_themselves(allocations, nimes):
    alone = UserFactory(email="seule@ville.example")
    MemberFactory(user=alone, roles=["manager"])
    reveal(allocations, alone)
    assert [notice.recipient for notice in list_notices()] == ["seule@ville.example"]


def test_the_notice_is_of_this_office_alone(allocations, curious, gard):
    reveal(allocations, curious)
    tenant_connection.set_tenant(gard)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM mailing_message")
        assert cursor.fetchone() == (0,)
