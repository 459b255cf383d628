"""What the home page has for paper alone: the figures of the curve, whom to contact, and how many lots are left out."""

import datetime

import pytest
from django.utils import timezone

from collectivities.capabilities import Role
from collectivities.models import OfficeSettings
from licensing.orders import operations as orders
from licensing.pools.year_use import WeekCounts
from sites.office.weeks import build_printed_table
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.pools.actions import allocate_units

NOW = timezone.now()
WEEK = datetime.timedelta(days=7)
MONDAY = datetime.date(2026, 8, 31)


def make_weeks(count, **counts):
    return [WeekCounts(MONDAY + number * WEEK, **counts) for number in range(count)]


def test_up_to_twelve_weeks_are_columns_from_the_first_in_which_something_happened():
    weeks = [*make_weeks(1), *make_weeks(13, activated=2, licences=6, sent=3, reminded=1)[1:]]
    table = build_printed_table(weeks)
    assert table.columns[:2] == ["7 sept.", "14 sept."]
    assert len(table.columns) == 12
    assert [(row.label, set(row.counts), row.total) for row in table.rows] == [
        ("Clés activées", {2}, 24),
        ("Licences activées", {6}, 72),
        ("Clés envoyées", {3}, 36),
        ("Relances envoyées", {1}, 12),
    ]


def test_more_weeks_are_added_up_in_the_month_of_their_monday():
    table = build_printed_table(make_weeks(13, activated=2))
    assert table.columns == ["août 2026", "sept. 2026", "oct. 2026", "nov. 2026"]
    assert table.rows[0].counts == [2, 8, 8, 8]
    assert table.rows[0].total == 26


@pytest.fixture
def home(nimes, office):
    """Return the home page as a viewer gets it."""
    pool = orders.grant(collectivity=nimes, licences=20, reason="Essai", name="Lot 1", by=None, at=NOW)
    allocate_units(pool, SchoolFactory(), units=3, at=NOW)

    def read():
        viewer = MemberFactory(roles=[Role.VIEWER]).user
        return collapse(office("nimes", viewer).get("/").content.decode())

    return read


@pytest.mark.slow
def test_the_sheet_names_the_contact_of_the_settings(home):
    MemberFactory(roles=[Role.MANAGER])
    OfficeSettings.objects.create(
        contact_name="Nora Delmas", contact_phone="04 66 00 00 00", reply_to="nora@nimes.example"
    )
    assert "À qui s’adresser&nbsp;:</strong> Nora Delmas, 04 66 00 00 00, nora@nimes.example.</p>" in home()


@pytest.mark.slow
def test_without_settings_the_sheet_names_the_first_manager(home):
    first = UserFactory(first_name="Nora", last_name="Delmas", email="nora@nimes.example", phone="")
    MemberFactory(user=first, roles=[Role.MANAGER], joined_at=NOW - WEEK)
    MemberFactory(roles=[Role.MANAGER], joined_at=NOW)
    assert "À qui s’adresser&nbsp;:</strong> Nora Delmas, nora@nimes.example.</p>" in home()


@pytest.mark.slow
def test_with_nobody_to_name_the_sheet_says_nothing(home):
    assert "À qui s’adresser" not in home()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "words"), [(4, ""), (5, "Et 1 autre lot, plus ancien&nbsp;"), (6, "Et 2 autres lots")]
)
def test_the_sheet_says_how_many_lots_it_leaves_out(home, nimes, more, words):
    for number in range(more):
        orders.grant(collectivity=nimes, licences=20, reason="Essai", name=f"Lot {number + 2}", by=None, at=NOW)
    shown = home()
    assert (words in shown) if words else ("print-more" not in shown)
