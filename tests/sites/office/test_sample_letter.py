"""« Voir la lettre »: the sample has the dates of the lot that is given from."""

import datetime
import html

import pytest

from collectivities.capabilities import Role
from licensing.entitlements.models import Entitlement
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory


@pytest.fixture
def letter(office, nimes, monkeypatch):
    """Return the words of the sample letter, as a manager reads it with this query."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)

    def read(**query):
        text = html.unescape(browser.get("/reglages/lettre/", query).content.decode())
        return " ".join(text.replace("’", "'").split())

    return read


@pytest.mark.slow
def test_the_sample_letter_has_the_dates_of_the_lot(letter):
    firm = PoolFactory(opened_at=TERM - datetime.timedelta(days=9))
    provisional = PoolFactory(opened_at=TERM)
    Entitlement.objects.filter(pk=provisional.entitlement_id).update(provisional_until=datetime.date(2027, 1, 11))
    assert "jusqu'au 11 janvier 2027 inclus" in letter()
    assert "jusqu'au 31 août 2027 inclus, sans que vous ayez rien à ressaisir" in letter()
    assert "janvier" not in letter(lot=firm.pk)


@pytest.mark.parametrize("lot", ["", "x", "9" * 30, "999999"])
def test_an_unknown_lot_and_an_office_without_lots_still_see_a_letter(letter, lot):
    assert "jusqu'au 31 août 2027 inclus" in letter(lot=lot)
