"""The sample of the accessibility declaration, against what a browser can tell of the RGAA's criteria."""

import pytest

from tests.classes.taught_class import TaughtClass
from tests.e2e.rgaa_checks import find_keyboard_faults, find_rgaa_faults
from tests.e2e.sessions import create_session
from tests.entitlements.school_scenario import SchoolScenario
from tests.sites.portal.shop_buyer import ShopBuyer

PUBLIC = (
    "/", "/connexion/", "/inscription/", "/mot-de-passe/oublie/", "/cle-non-recue/", "/contact/", "/mentions-legales/",
    "/conditions-generales-de-vente/", "/credits/", "/accessibilite/", "/accessibilite/grille/", "/plan-du-site/",
    "/aide/", "/aide/chef-etablissement/", "/faq/", "/boutique/", "/eleve/", "/application/", "/nulle-part/",
)  # fmt: skip


@pytest.fixture
def taught(committing):
    return TaughtClass(SchoolScenario(), pupils=6)


@pytest.fixture
def buyer(committing):
    return ShopBuyer()


@pytest.fixture
def order(buyer):
    return buyer.draft(5)


def find_faults(visit, paths):
    """Return the faults of each page that has any."""
    found = {}
    for path in paths:
        visit.open(path)
        visit.settle()
        found[path] = [*find_rgaa_faults(visit.page), *find_keyboard_faults(visit.page)]
    return {path: faults for path, faults in found.items() if faults}


def test_public_pages_keep_to_the_criteria(taught, buyer, site):
    assert find_faults(site.person(), PUBLIC) == {}


def test_pages_of_an_account_keep_to_the_criteria(taught, buyer, order, site):
    head, teacher, client = (
        site.person(session=create_session(site, user))
        for user in (taught.school.principal, taught.teacher, buyer.user)
    )
    assert find_faults(head, ["/mon-compte/", "/mon-compte/supprimer/", "/securite/"]) == {}
    assert find_faults(teacher, ["/mon-compte/", "/mes-classes/", taught.url()]) == {}
    assert find_faults(client, ["/boutique/commandes/", f"/boutique/commandes/{order.pk}/preparer/"]) == {}
