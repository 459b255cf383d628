"""« Ajouter les écoles publiques de … »: preview, number to type, undo, communes to choose from."""

import datetime
import html
from urllib.parse import quote

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from collectivities.models import AuditEntry, PortfolioSchool
from licensing.orders import operations as orders
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.pools.actions import allocate_units

pytestmark = pytest.mark.slow

ADDRESS = "/ecoles/territoire/"
UNDO = f"{ADDRESS}annuler/"
NOW = timezone.now()


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """Stops the clock, and returns a function that sets it."""

    def set_clock(at):
        monkeypatch.setattr("django.utils.timezone.now", lambda: at)

    set_clock(NOW)
    return set_clock


@pytest.fixture
def browser(office, nimes):
    return office("nimes", MemberFactory(roles=[Role.MANAGER]).user)


def read(answer, status=200):
    assert answer.status_code == status
    return html.unescape(collapse(answer.content.decode())).replace("\xa0", " ")


def undo(browser, at=NOW, **typed):
    return read(browser.post(UNDO, {"added_at": at.isoformat(), **typed}, follow=True))


def ask(browser, at=NOW):
    return read(browser.get(UNDO, {"added_at": at.isoformat()}))


@pytest.mark.small
def test_the_preview_says_what_is_added_and_what_is_left_out(browser):
    SchoolFactory(name="Ecole Jean Moulin")
    SchoolFactory(has_elementary=False, name="École maternelle")
    SchoolFactory(state="closed", closed_at=TERM)
    SchoolFactory(sector="Privé", name="École Sainte-Anne")
    PortfolioSchoolFactory(classes=4)
    shown = read(browser.get(ADDRESS))
    assert "<h1>Ajouter les écoles publiques de Nîmes</h1>" in shown
    for words in (
        "1 école s’ajoute à votre périmètre",
        "1 autre y est déjà, dont 1 avec un nombre de classes connu",
        "1 école maternelle, sans classe du CP au CM2, est laissée de côté",
        "1 école fermée dans l’annuaire est laissée de côté",
        "École Jean Moulin",
        "Ajouter cette école",
    ):
        assert words in shown
    assert "Sainte-Anne" not in shown
    assert PortfolioSchool.objects.count() == 1


def test_nurseries_are_added_where_they_are_asked_for(browser):
    SchoolFactory()
    SchoolFactory.create_batch(2, has_elementary=False)
    assert "2 écoles maternelles, sans classe du CP au CM2, sont laissées de côté" in read(browser.get(ADDRESS))
    assert "Ajouter ces 3 écoles" in read(browser.get(ADDRESS, {"maternelles": "1"}))
    browser.post(ADDRESS)
    assert PortfolioSchool.objects.count() == 1
    browser.post(ADDRESS, {"maternelles": "1"})
    assert PortfolioSchool.objects.count() == 3


def test_adding_leads_to_the_next_step_and_is_undone_there(browser):
    SchoolFactory.create_batch(3)
    shown = read(browser.post(ADDRESS, follow=True))
    assert "3 écoles ajoutées à votre périmètre" in shown
    assert "Votre bureau, en trois étapes" in shown
    assert f'href="{UNDO}?added_at={quote(NOW.isoformat())}"' in shown
    assert [entry.action for entry in AuditEntry.objects.all()] == ["portfolio.added_at_once"]
    assert "Ajout au périmètre : 3 écoles publiques de Nîmes." in shown
    assert "déjà toutes dans votre périmètre" in read(browser.post(ADDRESS, follow=True))
    assert "ajout annulé, 3 écoles hors de votre périmètre." in undo(browser)
    assert not PortfolioSchool.objects.exists()
    assert "Cet ajout a déjà été annulé" in undo(browser)


def test_once_licences_were_given_adding_leads_to_the_schools(browser, nimes):
    pool = orders.grant(collectivity=nimes, licences=9, reason="Essai", by=None, at=TERM)
    served, _other = SchoolFactory.create_batch(2)
    allocate_units(pool, served, units=1, at=TERM)
    answer = browser.post(ADDRESS, follow=True)
    assert answer.redirect_chain == [("/ecoles/", 302)]
    assert "2 écoles ajoutées d’un coup" in read(answer)
    shown = undo(browser)
    assert "ajout annulé, 1 école hors de votre périmètre ; 1 reste, qui ont depuis" in shown
    assert [row.school_id for row in PortfolioSchool.objects.all()] == [served.pk]


def test_undoing_says_before_what_leaves_and_what_stays(browser):
    first, *_others = SchoolFactory.create_batch(3)
    browser.post(ADDRESS)
    PortfolioSchool.objects.filter(school=first).update(classes=4)
    shown = ask(browser)
    assert "<strong>2 écoles</strong> quitteront votre périmètre" in shown
    assert "<strong>1 école</strong> y restera" in shown
    assert PortfolioSchool.objects.count() == 3
    undo(browser)
    assert PortfolioSchool.objects.count() == 1


def test_above_a_share_of_the_portfolio_the_number_to_remove_is_typed(browser):
    SchoolFactory.create_batch(6)
    browser.post(ADDRESS)
    assert "6 écoles sur les 6 de votre périmètre le quittent" in ask(browser)
    shown = read(browser.post(UNDO, {"added_at": NOW.isoformat(), "confirmed_count": "5"}), status=422)
    assert "Vous avez tapé 5, et cette annulation en compte 6" in shown
    assert PortfolioSchool.objects.count() == 6
    assert "ajout annulé, 6 écoles" in undo(browser, confirmed_count="6")


def test_once_undone_an_addition_is_no_longer_offered(browser):
    first, _second = SchoolFactory.create_batch(2)
    browser.post(ADDRESS)
    PortfolioSchool.objects.filter(school=first).update(classes=4)
    assert "Annuler l’ajout" in read(browser.get("/ecoles/"))
    assert "ajout annulé, 1 école" in undo(browser)
    assert "Annuler l’ajout" not in read(browser.get("/ecoles/"))
    answer = browser.get(UNDO, {"added_at": NOW.isoformat()}, follow=True)
    assert "rien n’a été retiré : 1 reste" in read(answer)


def test_the_timeline_of_a_school_has_the_act_that_added_it(browser):
    first, _second = SchoolFactory.create_batch(2)
    browser.post(ADDRESS)
    assert "Ajout au périmètre : 2 écoles publiques de Nîmes." in read(browser.get(f"/ecoles/{first.pk}/"))
    apart = SchoolFactory()
    assert "Ajout au périmètre" not in read(browser.get(f"/ecoles/{apart.pk}/"))


def test_after_the_hour_the_undo_says_what_to_do_instead(browser, now):
    SchoolFactory()
    browser.post(ADDRESS)
    now(NOW + datetime.timedelta(hours=1))
    assert "Annuler l’ajout" not in read(browser.get("/ecoles/"))
    assert "Cet ajout date de plus d’une heure" in undo(browser)
    assert PortfolioSchool.objects.count() == 1
    assert browser.post(UNDO, {"added_at": "hier"}).status_code == 400


def test_above_a_share_of_the_portfolio_the_number_is_typed(browser):
    PortfolioSchoolFactory.create_batch(5, school__commune_code="30007", school__commune="Alès")
    SchoolFactory.create_batch(2)
    assert "Votre périmètre compte 5 écoles, et cet ajout lui en donne 2 de plus" in read(browser.get(ADDRESS))
    for typed in ("", "3", "²"):
        shown = read(browser.post(ADDRESS, {"confirmed_count": typed}), status=422)
        assert 'href="#id_confirmed_count"' in shown
        assert "Pour confirmer, tapez 2 dans cette case." in shown
    assert PortfolioSchool.objects.count() == 5
    browser.post(ADDRESS, {"confirmed_count": " 2 "})
    assert PortfolioSchool.objects.count() == 7


def test_another_commune_can_be_chosen(browser):
    SchoolFactory()
    ales = SchoolFactory(commune="Alès", commune_code="30007")
    assert 'href="?autre=1"' in read(browser.get(ADDRESS))
    shown = read(browser.get(ADDRESS, {"autre": "1", "q": "ales"}))
    assert 'href="?commune=30007"' in shown
    assert "Alès (Gard) : 1 école publique" in shown
    assert "les écoles publiques d’Alès" in read(browser.get(ADDRESS, {"commune": "30007"}))
    browser.post(ADDRESS, {"commune": "30007"})
    assert [row.school_id for row in PortfolioSchool.objects.all()] == [ales.pk]
    assert "Aucune école de l’annuaire n’est dans la commune « 99999 »" in read(
        browser.get(ADDRESS, {"commune": "99999"})
    )


def test_without_a_territory_the_page_asks_for_a_commune(browser):
    shown = read(browser.get(ADDRESS))
    assert "<h1>Ajouter les écoles d’une commune</h1>" in shown
    assert 'href="/imports/nouveau/?but=portfolio"' in shown
    assert "L’annuaire n’a pas d’école publique" in read(browser.get(ADDRESS, {"autre": "1", "q": "Nulle-Part"}))
    # A double click after the schools were closed adds nothing.
    assert browser.post(ADDRESS).status_code == 200
    assert not PortfolioSchool.objects.exists()


@pytest.mark.small
def test_hundreds_of_schools_are_named_up_to_a_bound(browser, monkeypatch):
    monkeypatch.setattr("sites.office.territory_schools.MAX_NAMED", 2)
    SchoolFactory.create_batch(5)
    shown = read(browser.get(ADDRESS))
    assert shown.count('<th scope="row">') == 2
    assert "Et 3 autres écoles." in shown


@pytest.mark.parametrize("count", [1, 60])
def test_preview_addition_and_undo_take_a_constant_number_of_queries(browser, count, django_assert_num_queries):
    SchoolFactory.create_batch(count)
    browser.get(ADDRESS)
    with django_assert_num_queries(9):
        browser.get(ADDRESS)
    with django_assert_num_queries(16):
        browser.post(ADDRESS)
    with django_assert_num_queries(20):
        browser.post(UNDO, {"added_at": NOW.isoformat(), "confirmed_count": count})


def test_the_additions_of_another_office_are_not_undone(browser, office, nimes, gard):
    SchoolFactory()
    browser.post(ADDRESS)
    with tenant_context(gard):
        stranger = office("gard", MemberFactory(roles=[Role.MANAGER]).user)
    answer = stranger.post(UNDO, {"added_at": NOW.isoformat()}, follow=True)
    assert "Aucun ajout d’écoles" in read(answer)
    with tenant_context(nimes):
        assert PortfolioSchool.objects.count() == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.BUYER])
def test_who_may_not_change_the_portfolio_sees_no_undo(browser, office, role):
    SchoolFactory()
    browser.post(ADDRESS)
    reader = office("nimes", MemberFactory(roles=[role]).user)
    assert "Annuler l’ajout" not in read(reader.get("/"))
    assert reader.get(ADDRESS).status_code == 403
