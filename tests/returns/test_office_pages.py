"""What an office sees and asks: « Rendre », the bulk act, a school's page, and what a school with nothing counts as."""

import datetime
import re

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from collectivities.capabilities import Role
from licensing.pools.year_use import list_school_holdings, list_schools_without_licences
from licensing.requests.returns import operations
from licensing.requests.returns.models import ReturnRequest
from licensing.requests.returns.queries import select_returns
from licensing.requests.school_requests.operations import ask_collectivity
from licensing.requests.school_requests.queries import list_years_to_ask
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.pools.actions import allocate_units
from tests.returns.given_school import GivenSchool

pytestmark = pytest.mark.slow

PAGE, BULK = "/distribuer/rendre/", "/attributions/actions/"
#: Since when a school has its licences, for their disuse to say something.
LONG_AGO = timezone.now() - datetime.timedelta(days=31)


@pytest.fixture
def jaures(nimes):
    school = GivenSchool(nimes, at=LONG_AGO, licences=100)
    PortfolioSchoolFactory(school=school.school)
    return school


@pytest.fixture
def sign_in(nimes, office):
    def make(*roles, **fields):
        member = MemberFactory(user=UserFactory(**fields), roles=list(roles))
        return office("nimes", member.user)

    return make


@pytest.fixture
def manager(sign_in):
    return sign_in(Role.MANAGER)


def read(answer):
    return re.sub(r"\s+", " ", answer.content.decode().replace("\xa0", " "))


def ask(browser, **form):
    return browser.post(BULK, {"action": "demander", "query": "", **form})


def test_the_page_says_what_lies_unused_and_asks_for_it(manager, jaures):
    page = read(manager.get(PAGE))
    assert "5 licences activées dans 1 école" in page
    preview = ask(manager, scope="filter", query="situation=unused", origin="returns:list")
    words = read(preview)
    assert "5 licences activées ne servent à personne" in words
    assert "1 e-mail part aux directions" in words
    assert "Revenir" not in words
    form = {"scope": "filter", "query": "situation=unused", "origin": "returns:list", "confirmed": "5"}
    assert ask(manager, **form)["Location"] == PAGE
    page = read(manager.get(PAGE))
    assert "Attend une réponse" in page
    assert "1 école sollicitée" in page


def test_the_button_is_filled_while_a_school_may_be_asked(nimes, manager, jaures):
    filled, asked = 'class="btn btn-primary" name="action" value="demander"', "a déjà été sollicitée depuis moins de 60"
    page = read(manager.get(PAGE))
    assert (filled in page, asked in page) == (True, False)
    assert "les demander</a>" in read(manager.get("/distribuer/"))
    request = jaures.ask(at=timezone.now())
    page = read(manager.get(PAGE))
    assert (filled in page, asked in page) == (False, True)
    assert "voir où en sont vos demandes</a>" in read(manager.get("/distribuer/"))
    # Another school, whose turn has not been; then the first again, after a withdrawal.
    other = GivenSchool(nimes, at=LONG_AGO, pool=jaures.pool)
    page = read(manager.get(PAGE))
    assert (filled in page, asked in page) == (True, False)
    other.ask(at=timezone.now())
    assert filled not in read(manager.get(PAGE))
    manager.post(f"{PAGE}{request.pk}/retirer/", {})
    assert filled in read(manager.get(PAGE))


def test_what_came_back_is_listed_asked_or_not_and_not_what_was_undone(
    manager, jaures, gard, django_assert_num_queries
):
    now = timezone.now()
    assert "Aucune école n’a encore rendu de licences" in read(manager.get(PAGE))
    jaures.give_back(units=2, at=now)
    page = read(manager.get(PAGE))
    assert "École Jean Jaurès</a>" in page.split("Ce qui est revenu")[1]
    assert "D’elle-même" in page
    ask(manager, ids=[jaures.allocation.pk], confirmed="3")
    jaures.undo(jaures.give_back(units=3, at=now).licence_return, at=now)
    assert "À votre demande" not in read(manager.get(PAGE))
    jaures.give_back(units=3, at=now)
    assert "À votre demande" in read(manager.get(PAGE))
    with tenant_context(gard):
        assert not select_returns().exists()
    assert select_returns().count() == 2
    with django_assert_num_queries(1):
        assert [one.key.school.name for one in select_returns()] == ["École Jean Jaurès"] * 2


@pytest.mark.small
def test_what_changed_since_it_was_shown_is_shown_again(manager, jaures):
    answer = ask(manager, ids=[jaures.allocation.pk], confirmed="4")
    assert (answer.status_code, ReturnRequest.objects.count()) == (409, 0)


def test_schools_that_were_asked_lately_are_asked_again_by_hand(manager, jaures):
    form = {"ids": [jaures.allocation.pk], "confirmed": "5"}
    ask(manager, **form)
    request = ReturnRequest.objects.get()
    assert manager.post(f"{PAGE}{request.pk}/retirer/", {}).status_code == 302
    # Declined, and not withdrawn: a withdrawn one does not count.
    ReturnRequest.objects.update(outcome="declined")
    words = read(ask(manager, ids=[jaures.allocation.pk]))
    assert "1 école déjà sollicitée depuis moins de 60 jours" in words
    assert "Demander quand même à toutes" in words
    again = {"action": "redemander", "query": "", "ids": [jaures.allocation.pk]}
    assert "5 licences activées ne servent" in read(manager.post(BULK, again))
    manager.post(BULK, again | {"confirmed": "5"})
    assert ReturnRequest.objects.count() == 2


def test_ticked_schools_are_asked_from_the_list_of_schools(manager, jaures):
    words = read(ask(manager, uai=[jaures.school.pk], origin="portfolio:list"))
    assert "5 licences activées ne servent à personne" in words
    jaures.give_back(5, at=timezone.now())
    page = read(manager.post(BULK, {"action": "demander", "uai": [jaures.school.pk]}, follow=True))
    assert "il n’y a rien à leur demander" in page


def test_a_school_that_asks_for_more_is_answered_before_it_is_asked(manager, jaures, nimes):
    page = f"/ecoles/{jaures.school.pk}/"
    assert "Demander 5 licences à l’école" in read(manager.get(page))
    with schema_context("public"):
        ask_collectivity(
            uai=jaures.school.pk, collectivity_id=nimes.pk, school_year=list_years_to_ask(timezone.localdate())[0],
            units=2, reason="Deux classes ouvrent.", by=jaures.principal, at=timezone.now(),
        )  # fmt: skip
    shown = read(manager.get(page))
    assert "L’école en demande d’autres" in shown
    assert "Demander 5 licences à l’école" not in shown


def test_schools_with_licences_of_late_are_left_out_in_bulk(manager, nimes, jaures):
    late = GivenSchool(nimes, pool=jaures.pool, units=3, at=timezone.now() - datetime.timedelta(days=29))
    page = read(manager.get(PAGE))
    assert "5 licences activées dans 1 école" in page
    assert "3 licences inutilisées ne sont pas comptées" in page
    assert "5 licences activées ne servent" in read(manager.get("/distribuer/"))
    listed = read(manager.get("/attributions/?situation=unused"))
    assert "1 attribution" in listed
    ids = [jaures.allocation.pk, late.allocation.pk]
    words = read(ask(manager, ids=ids))
    assert "1 école qui a ses licences, ou sa clé activée, depuis moins de 30 jours" in words
    assert "Demander quand même à toutes" in words
    ask(manager, ids=ids, confirmed="5")
    assert [one.key_id for one in ReturnRequest.objects.all()] == [jaures.allocation.key_id]
    [refused] = operations.ask_many(allocation_ids=[late.allocation.pk], by=None, at=timezone.now(), dormant_only=True)
    assert refused.refusal.code == "given_lately"
    # By hand, after a warning.
    school = read(manager.get(f"/ecoles/{late.school.pk}/"))
    assert "elle n’a peut-être pas eu le temps de s’en servir" in school
    assert "Demander quand même 3 licences à l’école" in school
    manager.post(BULK, {"action": "redemander", "query": "", "ids": [late.allocation.pk], "confirmed": "3"})
    assert ReturnRequest.objects.filter(key=late.allocation.key_id).exists()


def test_a_school_that_was_given_more_today_is_left_out(manager, jaures):
    allocate_units(jaures.pool, jaures.school, units=2, at=timezone.now())
    page = read(manager.get(PAGE))
    assert "Aucune licence activée ne dort. 7 licences inutilisées ne sont pas comptées" in page
    words = read(ask(manager, uai=[jaures.school.pk], origin="portfolio:list"))
    assert "depuis moins de 30 jours" in words


def test_a_school_whose_request_waits_is_left_out_in_bulk(manager, nimes, jaures):
    with schema_context("public"):
        ask_collectivity(
            uai=jaures.school.pk, collectivity_id=nimes.pk, school_year=list_years_to_ask(timezone.localdate())[0],
            units=2, reason="Deux classes ouvrent.", by=jaures.principal, at=timezone.now(),
        )  # fmt: skip
    assert "5 licences inutilisées ne sont pas comptées" in read(manager.get(PAGE))
    assert "1 école qui demande des licences et attend votre réponse" in read(ask(manager, ids=[jaures.allocation.pk]))
    [refused] = operations.ask_many(
        allocation_ids=[jaures.allocation.pk], by=None, at=timezone.now(), dormant_only=True
    )
    assert refused.refusal.code == "school_asks_for_more"


def test_the_page_says_why_there_is_nothing_to_ask_for(manager, nimes):
    assert "Aucune école n’a encore de licence de vous" in read(manager.get(PAGE))
    school = GivenSchool(nimes, at=LONG_AGO, units=1, redeemed=False)
    assert "Aucune école n’a encore activé sa clé" in read(manager.get(PAGE))
    school.redeem(at=LONG_AGO)
    school.assign()
    assert "chacune est utilisée, réservée, ou garde une classe" in read(manager.get(PAGE))


def test_a_large_share_is_confirmed_by_its_number(manager, nimes, jaures):
    schools = [GivenSchool(nimes, pool=jaures.pool, units=2, at=LONG_AGO) for _ in range(5)]
    ids = [jaures.allocation.pk, *(one.allocation.pk for one in schools)]
    answer = ask(manager, ids=ids, confirmed="15")
    assert (answer.status_code, "6 e-mails partent" in read(answer)) == (422, True)
    ask(manager, ids=ids, confirmed="15", confirmed_count="6")
    assert ReturnRequest.objects.count() == 6


def test_a_request_is_withdrawn_once(manager, jaures):
    asked = jaures.ask(at=timezone.now())
    offered = []
    for _ in range(2):
        offered.append(f"{PAGE}{asked.pk}/retirer/" in read(manager.get(PAGE)))
        assert manager.post(f"{PAGE}{asked.pk}/retirer/").status_code == 302
    assert offered == [True, False]
    assert ReturnRequest.objects.get().outcome == "withdrawn"
    for number in (0, 900_000_001, 10**12):
        assert manager.post(f"{PAGE}{number}/retirer/").status_code == 404


def test_a_request_of_another_office_is_not_found(manager, office, gard):
    with tenant_context(gard):
        asked = GivenSchool(gard, at=LONG_AGO).ask(at=timezone.now())
    assert manager.post(f"{PAGE}{asked.pk}/retirer/").status_code == 404
    assert str(asked.units) not in read(manager.get(PAGE)).partition("Ce qui a été demandé")[2].partition("</main>")[0]
    assert not ReturnRequest.objects.get().outcome


def test_a_viewer_reads_and_does_nothing(sign_in, jaures):
    sign_in(Role.MANAGER, email="awa@nimes.example")
    viewer = sign_in(Role.VIEWER)
    assert "mailto:awa@nimes.example" in read(viewer.get(PAGE))
    asked = jaures.ask(at=timezone.now())
    page = read(viewer.get(PAGE))
    assert "Attend une réponse" in page
    assert "/retirer/" not in page
    assert viewer.post(f"{PAGE}{asked.pk}/retirer/").status_code == 403
    assert ask(viewer, ids=[jaures.allocation.pk]).status_code == 403


def test_the_page_of_a_school_asks_and_says_how_it_stands(manager, jaures):
    address = f"/ecoles/{jaures.school.pk}/"
    assert "Demander 5 licences à l’école" in read(manager.get(address))
    jaures.keep(jaures.ask(at=timezone.now()), at=timezone.now(), comment="Une classe ouvre")
    page = read(manager.get(address))
    assert "Gardées" in page
    assert "«&nbsp;Une classe ouvre&nbsp;»" in page


def test_a_school_that_gave_all_back_has_none(manager, jaures):
    jaures.give_back(5, at=timezone.now())
    today = timezone.localdate()
    assert list_schools_without_licences(today).count() == 1
    assert not list_school_holdings(last_day=jaures.pool.entitlement.last_day, day=today)
    school = read(manager.get(f"/ecoles/{jaures.school.pk}/"))
    assert "Rendue le" in school
    assert "0 licence" not in school
    assert "Sans licence" in read(manager.get("/ecoles/"))
    assert "1 école sans licence" in read(manager.get("/ecoles/")).replace("<strong>", "").replace("</strong>", "")
    assert "0 attribution" in read(manager.get("/attributions/"))
    assert "École Jean Jaurès" in read(manager.get("/attributions/?situation=returned"))
    assert "École Jean Jaurès" not in read(manager.get("/attributions/?situation=redeemed")).partition("<table")[2]
    for address in ("/", "/lots/", "/carte/", "/carte/etat/none/", "/distribuer/"):
        assert manager.get(address).status_code == 200
    assert "a rendu 5 licences" in read(manager.get("/"))


def test_the_page_takes_as_many_queries_whatever_was_asked(
    manager, nimes, jaures, django_assert_max_num_queries, django_assert_num_queries
):
    jaures.ask(at=timezone.now())
    with django_assert_max_num_queries(30) as counted:
        manager.get(PAGE)
    for _ in range(3):
        GivenSchool(nimes, pool=jaures.pool, units=2, at=LONG_AGO).ask(at=timezone.now())
    with django_assert_num_queries(len(counted.captured_queries)):
        manager.get(PAGE)
