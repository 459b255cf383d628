"""The back office: finding a key by its code, revealing a code, verifying principals; all audited."""

import pytest
from django.contrib.admin.models import LogEntry

from accounts.models import AccountEvent, User
from collectivities.models import AuditEntry
from core.connections import connection
from licensing.entitlements import keys
from licensing.orders import operations as orders
from schools.models import Affiliation
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.tiers import sampled

pytestmark = pytest.mark.slow

KEYS = "/admin/entitlements/activationkey/"


@pytest.fixture
def operator(portal, db):
    user = UserFactory(username="exploitante", is_staff=True, is_superuser=True)
    portal.force_login(user)
    portal.confirm_identity(user)
    return portal


def act(browser, path, name, *chosen, **more):
    return browser.post(path, {"action": name, "_selected_action": [one.pk for one in chosen], **more}, follow=True)


@pytest.mark.parametrize(
    "path", sampled(["accounts/user", "schools/school", "schools/affiliation", "entitlements/activationkey",
             "entitlements/subscription", "entitlements/entitlement", "entitlements/seatevent"], fast=2),
)  # fmt: skip
def test_each_list_and_page_opens(jaures, operator, path):
    code, subscription = jaures.subscription()
    answer = operator.get(f"/admin/{path}/")
    assert answer.status_code == 200
    assert code not in answer.content.decode()
    name = path.rpartition("/")[2]
    thing = {
        "user": jaures.principal, "school": jaures.school, "affiliation": jaures.principal.affiliations.get(),
        "activationkey": subscription.key, "subscription": subscription, "entitlement": jaures.entitlement,
    }.get(name)  # fmt: skip
    if thing is not None:
        page = operator.get(f"/admin/{path}/{thing.pk}/change/")
        assert page.status_code == 200
        assert code[:4] + "-" + code[4:8] not in page.content.decode()
        assert operator.post(f"/admin/{path}/{thing.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_key_is_found_as_it_was_typed(jaures, operator):
    code, key = jaures.key()
    _, other = jaures.key()
    page = operator.get(KEYS, {"q": keys.display("nimes", code).lower()}).content.decode()
    assert f"Clé n° {key.pk}" in page
    assert f"Clé n° {other.pk}<" not in page
    assert f"Clé n° {other.pk}" in operator.get(KEYS, {"q": jaures.school.uai}).content.decode()


def test_a_code_is_shown_after_asking_and_the_key_proves_nothing_more(jaures, operator):
    code, key = jaures.key()
    page = act(operator, KEYS, "reveal", key).content.decode()
    assert keys.display("NIMES", code) not in page
    assert not LogEntry.objects.exists()
    shown = act(operator, KEYS, "reveal", key, confirmed="1").content.decode()
    assert keys.display("NIMES", code) in shown
    key.refresh_from_db()
    assert key.exposed_at is not None
    assert LogEntry.objects.get().object_id == str(key.pk)
    assert code not in str(LogEntry.objects.values())
    assert AccountEvent.objects.get().summary == f"Clé affichée : clé n° {key.pk}."


def test_a_code_shown_by_the_operator_is_in_the_journal_of_the_collectivity(operator, nimes):
    pool = orders.grant(collectivity=nimes, licences=3, reason="Essai", by=None, at=TERM)
    allocation = allocate_units(pool, SchoolFactory(), units=3)
    act(operator, KEYS, "reveal", allocation.key, confirmed="1")
    connection.set_tenant(nimes)
    entry = AuditEntry.objects.get(action="keys.revealed")
    assert entry.summary == f"Clé n° {allocation.key_id} affichée par l'exploitation du site (compte « exploitante »)."


def test_the_operator_verifies_a_principal_after_a_confirmation(jaures, operator):
    affiliation = jaures.principal.affiliations.get()
    path = "/admin/schools/affiliation/"
    assert jaures.principal.email in act(operator, path, "verify", affiliation).content.decode()
    assert Affiliation.objects.get(pk=affiliation.pk).verified_at is None
    act(operator, path, "verify", affiliation, confirmed="1")
    assert Affiliation.objects.get(pk=affiliation.pk).verified_by == "operator"
    assert LogEntry.objects.get().user == User.objects.get(is_superuser=True)


def test_teachers_and_typed_schools_are_not_verified(jaures, operator):
    teacher = jaures.teacher().affiliations.get()
    act(operator, "/admin/schools/affiliation/", "verify", teacher, confirmed="1")
    assert not Affiliation.objects.filter(verified_at__isnull=False).exists()


@pytest.mark.small
def test_nobody_else_opens_it(jaures, portal):
    portal.force_login(jaures.principal)
    assert portal.get(KEYS).status_code == 302
