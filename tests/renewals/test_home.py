"""« À faire » while a renewal waits for a member."""

import datetime

import pytest
from django.utils import timezone

from collectivities.capabilities import Role
from core.calendar import PARIS
from licensing.plans.renewals.models import RenewalApplication, RenewalGift
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.html import collapse
from tests.renewals.renewed_office import MAY, RenewedOffice

pytestmark = pytest.mark.slow

DECIDE, PLACE, GIVE = "est à décider", "attend d’être commandé", "est à attribuer aux écoles"


@pytest.fixture
def renewed(nimes, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: MAY)
    return RenewedOffice(nimes)


@pytest.fixture
def sees(renewed, office):
    """Return a function that says which of the sentences a member with a role reads at home."""

    def read(role):
        browser = office("nimes", MemberFactory(user=UserFactory(), roles=[role]).user)
        page = collapse(browser.get("/").content.decode())
        return [words for words in (DECIDE, PLACE, GIVE) if words in page]

    return read


def test_who_buys_or_manages_reads_that_the_renewal_is_to_decide(renewed, sees):
    assert sees(Role.BUYER) == sees(Role.MANAGER) == [DECIDE]
    assert sees(Role.VIEWER) == sees(Role.DATA_OFFICER) == []


def test_what_was_declined_is_to_decide_once_it_is_reopened(renewed, sees):
    renewed.decline()
    assert sees(Role.BUYER) == []
    renewed.reopen()
    assert sees(Role.BUYER) == [DECIDE]


@pytest.mark.parametrize(
    ("stage", "of_buyer", "of_manager"), [("quoted", [PLACE], []), ("placed", [], [GIVE]), ("applied", [], [])]
)
def test_each_member_reads_what_waits_for_them(renewed, sees, stage, of_buyer, of_manager):
    order = renewed.order()
    if stage != "quoted":
        renewed.place(order)
    if stage == "applied":
        renewed.apply()
    assert (sees(Role.BUYER), sees(Role.MANAGER)) == (of_buyer, of_manager)


def test_nothing_waits_before_april(renewed, sees, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime.datetime(2027, 3, 31, 12, tzinfo=PARIS))
    assert sees(Role.BUYER) == []


@pytest.mark.small
def test_an_office_without_licences_has_nothing_to_renew(nimes, office, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: MAY)
    browser = office("nimes", MemberFactory(user=UserFactory(), roles=[Role.BUYER]).user)
    assert DECIDE not in collapse(browser.get("/").content.decode())


def test_a_lot_that_a_list_used_up_asks_for_no_purchase(renewed, office, monkeypatch):
    renewed.place(renewed.order())
    renewed.apply()
    monkeypatch.setattr(timezone, "now", lambda: datetime.datetime(2027, 9, 2, 9, tzinfo=PARIS))
    browser = office("nimes", MemberFactory(user=UserFactory(), roles=[Role.BUYER]).user)
    assert "est épuisé" not in collapse(browser.get("/").content.decode())
    RenewalGift.objects.all().delete()
    RenewalApplication.objects.all().delete()
    assert "est épuisé" in collapse(browser.get("/").content.decode())
