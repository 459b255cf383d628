"""« Distribuer »: what a member with each role finds there."""

import pytest
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from licensing.orders import operations as orders
from licensing.pools.reductions import revoke
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.imports.actions import apply_portfolio_list
from tests.pools.actions import allocate_units

pytestmark = pytest.mark.slow


@pytest.fixture
def page(office, nimes):
    """Return the page as a member with a role reads it."""

    def read(*roles, path="/distribuer/"):
        return collapse(office("nimes", MemberFactory(roles=list(roles)).user).get(path).content.decode())

    return read


def give_pool(nimes):
    return orders.grant(collectivity=nimes, licences=20, reason="Essai", by=None, at=TERM)


def get_filled_buttons(page):
    """Return the words of the filled buttons."""
    return [part.split(">", 1)[1].split("<")[0].strip() for part in page.split('class="btn btn-primary"')[1:]]


def test_with_many_schools_that_wait_the_likely_way_is_a_workbook(page, nimes):
    give_pool(nimes)
    PortfolioSchoolFactory.create_batch(5)
    shown = page(Role.MANAGER)
    assert get_filled_buttons(shown) == ["Déposer un tableau"]
    waiting = '5 écoles de votre liste n’ont aucune licence : <a href="/attributions/attribuer/">leur en attribuer</a>.'
    assert f"20 licences libres. {waiting}" in shown.replace("&nbsp;", " ").replace("\xa0", " ")


def test_a_school_whose_licences_were_taken_back_has_none(page, nimes):
    pool = give_pool(nimes)
    given = allocate_units(pool, PortfolioSchoolFactory().school)
    assert "aucune licence" not in page(Role.MANAGER)
    revoke(allocation_id=given.pk, by=None, at=TERM)
    assert "1 école de votre liste n’a aucune licence" in page(Role.MANAGER).replace("\xa0", " ")


def test_with_few_schools_it_is_one_school(page, nimes):
    give_pool(nimes)
    PortfolioSchoolFactory()
    assert get_filled_buttons(page(Role.MANAGER)) == ["Attribuer à une école"]
    assert get_filled_buttons(page(Role.DATA_OFFICER)) == ["Déposer un tableau"]


def test_who_may_not_give_reads_who_may(page, nimes):
    give_pool(nimes)
    manager = MemberFactory(roles=[Role.MANAGER])
    shown = page(Role.VIEWER)
    assert get_filled_buttons(shown) == []
    assert f'href="mailto:{manager.user.email}"' in shown


def test_a_data_officer_reads_in_the_card_of_one_school_who_gives_to_it(page, nimes):
    give_pool(nimes)
    manager = MemberFactory(roles=[Role.MANAGER])
    card = page(Role.DATA_OFFICER).split('id="ecole"')[1].split("</section>")[0]
    assert "Seul un gestionnaire le fait" in card
    assert f'href="mailto:{manager.user.email}"' in card
    assert "Seul un gestionnaire" not in page(Role.MANAGER)


def test_without_a_free_licence_a_buyer_buys_and_others_read_who_may(page, nimes):
    assert get_filled_buttons(page(Role.BUYER)) == ["Acheter des licences"]
    buyer = MemberFactory(roles=[Role.BUYER])
    shown = page(Role.MANAGER)
    assert get_filled_buttons(shown) == []
    assert f'href="mailto:{buyer.user.email}"' in shown


@pytest.mark.parametrize("role", [Role.MANAGER, Role.DATA_OFFICER])
def test_a_list_that_asks_for_licences_is_the_likely_way(page, nimes, role):
    pool = give_pool(nimes)
    served, other = SchoolFactory.create_batch(2)
    allocate_units(pool, served, units=3)
    apply_portfolio_list((served, 5), (other, 4))
    shown = page(role)
    assert get_filled_buttons(shown) == ["Donner des licences d’après liste.csv"]
    assert f'name="pool" value="{pool.pk}"' in shown
    assert "demande 6 licences que ses écoles n’ont pas encore" in shown.replace("\xa0", " ")


def test_a_list_whose_schools_hold_all_is_not_offered(page, nimes):
    pool = give_pool(nimes)
    school = SchoolFactory()
    apply_portfolio_list((school, 3))
    allocate_units(pool, school, units=3)
    assert "liste.csv" not in page(Role.MANAGER)


def test_of_two_lists_the_latest_is_offered_to_who_gives(page, nimes):
    school = SchoolFactory()
    apply_portfolio_list((school, 3))
    latest = apply_portfolio_list((school, 9), (SchoolFactory(), 2))
    assert "liste.csv" not in page(Role.MANAGER)
    give_pool(nimes)
    assert f'action="/imports/{latest.pk}/donner/"' in page(Role.MANAGER)
    assert "liste.csv" not in page(Role.BUYER)


@pytest.mark.parametrize("count", [1, 12])
def test_the_page_takes_a_constant_number_of_queries(office, nimes, count, django_assert_num_queries):
    for _ in range(count):
        give_pool(nimes)
        PortfolioSchoolFactory()
    apply_portfolio_list(*((school, 2) for school in SchoolFactory.create_batch(count)))
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    browser.get("/distribuer/")
    with django_assert_num_queries(18):
        browser.get("/distribuer/")


def test_the_lots_of_another_office_are_not_shown(page, nimes, gard):
    with tenant_context(gard):
        orders.grant(collectivity=gard, licences=33, reason="Essai", by=None, at=TERM)
    assert "Aucune licence n’est libre" in page(Role.MANAGER)
    give_pool(nimes)
    shown = page(Role.MANAGER)
    assert "20 licences libres" in shown.replace("&nbsp;", " ").replace("\xa0", " ")
    assert ">33<" not in shown[shown.index("Vos lots") :]


@pytest.mark.small
def test_follow_up_leads_to_the_messages(office, nimes):
    answer = office("nimes", MemberFactory(roles=[Role.VIEWER]).user).get("/suivi/")
    assert (answer.status_code, answer.url) == (302, "/messages/")


@pytest.mark.parametrize(
    ("role", "wait"),
    [
        (Role.DATA_OFFICER, "demandé à Nora Delmas le 24 novembre 2026, "),
        (Role.MANAGER, "demandé le 24 novembre 2026, "),
        (Role.VIEWER, ""),
    ],
)
def test_a_table_that_waits_for_a_manager_is_named(page, nimes, role, wait):
    MemberFactory(roles=[Role.MANAGER], user__first_name="Nora", user__last_name="Delmas")
    SpreadsheetImport.objects.create(
        pool=PoolFactory(), filename="a.csv", size=1, state=ImportState.CHECKED, created_at=TERM, requested_at=TERM
    )
    text = page(role).replace("\u00a0", " ")
    assert ("a.csv</a>" in text) == bool(wait)
    assert wait in text


def test_a_table_that_waits_for_nobody_is_not_named(page, nimes):
    SpreadsheetImport.objects.create(
        pool=PoolFactory(), filename="a.csv", size=1, state=ImportState.CHECKED, created_at=TERM
    )
    assert "a.csv" not in page(Role.MANAGER)
