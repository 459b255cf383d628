"""« Reconduire » in the office: read, edit, order, give, undo, decline; hostile values."""

import datetime
import io
import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from openpyxl import load_workbook

from collectivities.capabilities import Role
from core.calendar import PARIS
from imports import tasks
from imports.enums import Purpose
from imports.operations import upload
from licensing.catalogue.models import SchoolYear
from licensing.orders import operations as orders
from licensing.orders.models import Order
from licensing.plans.renewals import queries
from licensing.plans.renewals.models import Renewal, RenewalLine, RenewalState
from licensing.pools.models import Allocation
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.factories.shop import put_on_sale
from tests.renewals.renewed_office import AUGUST, MAY, YEAR, YEAR_ENDS, RenewedOffice

pytestmark = pytest.mark.slow

LIST = "/reconduire/"


def read(answer):
    return re.sub(
        r"\s+", " ", answer.content.decode().replace("\xa0", " ").replace("&nbsp;", " ").replace("\u202f", " ")
    )


@pytest.fixture
def renewed(nimes, monkeypatch):
    office = RenewedOffice(nimes)
    monkeypatch.setattr(timezone, "now", lambda: MAY)
    return office


@pytest.fixture
def member(renewed, office):
    """Return a function that signs a member in with roles, at the time of the page."""

    def sign_in(*roles):
        return office("nimes", MemberFactory(user=UserFactory(), roles=list(roles)).user)

    return sign_in


@pytest.fixture
def chief(member):
    """A buyer who is a manager too."""
    return member(Role.BUYER, Role.MANAGER)


def upload_list(content, filename="liste.csv"):
    """Upload a list of schools and parse it, as the worker does; return the import."""
    uploaded = upload.store_upload(
        purpose=Purpose.PORTFOLIO,
        pool_id=None,
        filename=filename,
        content=content,
        units_for_all=None,
        by=None,
        at=MAY,
    )
    tasks.read(import_id=uploaded.pk)
    uploaded.refresh_from_db()
    return uploaded


def form_of(renewed, number, school=None, *, seen="0", version=0, **more):
    uai = (school or renewed.zola).pk
    return {f"n-{uai}": str(number), f"vu-{uai}": seen, "version": str(version)} | more


def version_of(browser, url=LIST):
    return re.search(r'name="version" value="(\d+)"', read(browser.get(url)))[1]


def test_before_april_the_page_says_from_when(chief, renewed, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime.datetime(2027, 3, 31, 12, tzinfo=PARIS))
    page = read(chief.get(LIST))
    assert "La reconduction 2027-2028 s’ouvre le 1er avril 2027" in page
    for address in ("ensemble/", "commander/", "annuler/", "sans-suite/", "rouvrir/"):
        assert chief.post(LIST + address, {"version": "0"})["Location"] == LIST
    for address in ("attribuer/", "classeur.xlsx"):
        assert chief.get(LIST + address)["Location"] == LIST
    assert chief.post(LIST, form_of(renewed, 2)).status_code == 409
    assert not Renewal.objects.exists()


def test_the_list_shows_numbers_and_reasons(chief, renewed):
    page = read(chief.get(LIST))
    assert "9 licences pour 2 écoles" in page
    for words in ("6 tenues au plus", "clé jamais activée", "toutes tenues, pour 4 classes"):
        assert words in page
    assert "École Verne" not in page
    assert "École Verne" in read(chief.get(f"{LIST}?voir=ajouter"))
    assert "Établir le devis de 9 licences" in page
    assert "315,00 €" in page


def test_views_and_words_filter_the_schools(chief, renewed):
    for view, shown in (
        ("plus", "Marie Curie"),
        ("moins", "Jaurès"),
        ("zero", "École Zola"),
        ("choisies", "Aucune école"),
    ):
        page = read(chief.get(f"{LIST}?voir={view}"))
        assert shown in page
    assert "École Zola" not in read(chief.get(f"{LIST}?q=jean"))
    assert "École Zola" in read(chief.get(f"{LIST}?q=zola&voir=inconnu&page=99999999999999999999"))


def test_only_the_numbers_that_were_changed_are_typed(chief, renewed):
    form = form_of(renewed, 2) | {f"n-{renewed.jaures.school.pk}": "6", f"vu-{renewed.jaures.school.pk}": "6"}
    answer = chief.post(f"{LIST}?voir=zero", form)
    assert answer["Location"] == f"{LIST}?voir=zero"
    assert RenewalLine.objects.get().units == 2
    page = read(chief.get(LIST))
    assert "choisi" in page
    assert "Changée pour la dernière fois par" in page


def test_a_school_of_the_portfolio_is_added_by_its_number(chief, renewed):
    chief.post(f"{LIST}?voir=ajouter", form_of(renewed, 3, renewed.verne))
    assert renewed.units() == (6, 3, 0, 3)
    assert "École Verne" in read(chief.get(LIST))


def test_who_saw_an_older_list_reads_the_new_one_with_their_numbers(chief, renewed):
    renewed.edit({renewed.verne.pk: 1})
    answer = chief.post(LIST, form_of(renewed, 2))
    page = read(answer)
    assert (answer.status_code, "pendant que vous la lisiez" in page) == (409, True)
    assert f'name="n-{renewed.zola.pk}" value="2"' in page
    assert renewed.units() == (6, 3, 0, 1)
    chief.post(LIST, form_of(renewed, 2, version=1))
    assert renewed.units() == (6, 3, 2, 1)


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "201", "1000000000000", ""])
def test_hostile_numbers_change_nothing(number, chief, renewed):
    answer = chief.post(LIST, form_of(renewed, number))
    assert answer.status_code in (409, 422)
    assert not RenewalLine.objects.exists()


@pytest.mark.parametrize("version", ["", "x", "-1", "1", "9999999999999"])
def test_hostile_versions_change_nothing(version, chief, renewed):
    assert chief.post(LIST, form_of(renewed, 2, version=version)).status_code == 409
    for address, fields in (
        ("ensemble/", {"choix": "rien"}),
        ("commander/", {"licences": "9"}),
        ("sans-suite/", {"motif": "Non"}),
    ):
        assert chief.post(LIST + address, {"version": version} | fields).status_code == 302
    assert not Renewal.objects.exists()


def test_a_school_of_nobody_is_refused(chief, renewed):
    answer = chief.post(LIST, {"n-0300000A": "2", "version": "0"})
    assert (answer.status_code, "ni dans votre liste" in read(answer)) == (409, True)


@pytest.mark.parametrize(("choice", "units"), [("cette-annee", (8, 2, 3, 0)), ("rien", (0, 0, 0, 0))])
def test_the_whole_list_is_set_at_once(chief, renewed, choice, units):
    chief.post(f"{LIST}ensemble/", {"version": "0", "choix": choice})
    assert renewed.units() == units
    chief.post(f"{LIST}ensemble/", {"version": "1", "choix": "proposition"})
    assert renewed.units() == (6, 3, 0, 0)
    chief.post(f"{LIST}ensemble/", {"version": "2", "choix": "tout"})
    assert Renewal.objects.get().version == 2


def test_from_the_list_to_the_keys_and_back(chief, member, renewed, monkeypatch):
    answer = chief.post(f"{LIST}commander/", {"version": "0", "licences": "9"})
    order = Order.objects.get(kind="purchase")
    assert answer["Location"] == f"/achats/{order.pk}/"
    assert f"Le devis {order.quote_number} est établi" in read(chief.get(LIST))
    assert chief.get(f"{LIST}attribuer/")["Location"] == LIST
    renewed.place(order)
    assert "Attribuer la liste aux écoles" in read(chief.get(LIST))
    plan = chief.get(f"{LIST}attribuer/").content.decode()
    assert "2 écoles reçoivent 9 licences" in read(chief.get(f"{LIST}attribuer/"))
    shown = re.search(r'name="empreinte"\s+value="(\w+)"', plan)[1]
    form = {"version": re.search(r'name="version" value="(\d+)"', plan)[1], "empreinte": shown}
    assert chief.post(f"{LIST}attribuer/", form | {"empreinte": "autre"}).status_code == 409
    assert chief.post(f"{LIST}attribuer/", form)["Location"] == LIST
    given = Allocation.objects.active().filter(pool__entitlement__last_day=YEAR_ENDS)
    assert sorted(given.values_list("units", flat=True)) == [3, 6]
    # A second click finds the list given.
    assert chief.post(f"{LIST}attribuer/", form)["Location"] == LIST
    monkeypatch.setattr(timezone, "now", lambda: AUGUST)
    chief = member(Role.BUYER, Role.MANAGER)
    assert "Les clés partent le 1er septembre 2027 à 08:00" in read(chief.get(LIST))
    for _ in range(2):
        assert chief.post(f"{LIST}annuler/").status_code == 302
    assert not given.all().exists()
    assert queries.find_state(YEAR) == RenewalState.ORDERED


def test_a_list_beyond_its_lot_says_how_much_is_missing(chief, renewed):
    renewed.place(renewed.order())
    renewed.edit({renewed.zola.pk: 2})
    assert "Elle demande 2 licences de plus que vous n’en avez" in read(chief.get(LIST))
    assert "Il manque 2 licences" in read(chief.get(f"{LIST}attribuer/"))


def test_a_list_of_nothing_does_not_say_that_no_school_needs_any(chief, renewed):
    renewed.edit_all("nothing")
    page = read(chief.get(LIST))
    assert "La liste ne demande aucune licence." in page
    assert "rien n’est à commander" not in page


def test_a_list_that_cannot_be_given_says_why(chief, renewed):
    page = read(chief.get(f"{LIST}attribuer/"))
    assert "Aucun lot de cette année-là n’est ouvert" in page
    answer = chief.post(f"{LIST}attribuer/", {"version": "0", "empreinte": renewed.plan().fingerprint})
    assert answer.status_code == 409


def test_a_renewal_is_declined_with_a_sentence_and_reopened(chief, renewed):
    chief.post(f"{LIST}sans-suite/", {"version": "0", "motif": " "})
    assert not Renewal.objects.exists()
    chief.post(f"{LIST}sans-suite/", {"version": "0", "motif": "Le budget <b>n'est pas</b> voté."})
    page = read(chief.get(LIST))
    assert "Laissée sans suite le 4 mai 2027 par" in page
    assert "&lt;b&gt;" in page
    chief.post(f"{LIST}rouvrir/", {"version": version_of(chief)})
    assert queries.find_state(YEAR) == RenewalState.OPEN


def test_each_role_does_its_part(member, renewed, chief):
    buyer, manager, officer = member(Role.BUYER), member(Role.MANAGER), member(Role.DATA_OFFICER, Role.VIEWER)
    assert officer.get(LIST).status_code == 403
    assert buyer.get(f"{LIST}attribuer/").status_code == buyer.post(f"{LIST}annuler/").status_code == 403
    assert manager.post(f"{LIST}commander/", {"version": "0", "licences": "9"}).status_code == 403
    assert "Établir le devis de" not in read(manager.get(LIST))
    assert "établir le devis :" in read(manager.get(LIST))
    assert "Établir le devis de" in read(buyer.get(LIST))


@pytest.mark.small
def test_without_next_year_s_prices_today_s_are_shown(chief, renewed):
    SchoolYear.objects.filter(ends_on=YEAR_ENDS).update(sold_from=None)
    put_on_sale()
    page = read(chief.get(LIST))
    assert "ceux de 2027-2028 ne sont pas encore publiés" in page
    assert "Établir le devis" not in page


def test_the_workbook_comes_back_through_the_imports(chief, renewed):
    answer = chief.get(f"{LIST}classeur.xlsx")
    book = load_workbook(io.BytesIO(answer.content))
    sheet = book.active
    titles = [cell.value for cell in sheet[1]]
    column = titles.index("Nombre de licences") + 1
    numbers = {sheet.cell(row, 1).value: row for row in range(2, sheet.max_row + 1)}
    assert sheet.cell(numbers[renewed.jaures.school.pk], column).value == 6
    sheet.cell(numbers[renewed.jaures.school.pk], column).value = 7
    sheet.cell(numbers[renewed.verne.pk], column).value = 4
    sheet.cell(numbers[renewed.zola.pk], column).value = "?"
    written = io.BytesIO()
    book.save(written)
    uploaded = upload_list(written.getvalue(), "liste.xlsx")
    assert uploaded.state == "checked"
    for page in (LIST, f"/imports/{uploaded.pk}/"):
        assert f"{LIST}tableau/{uploaded.pk}/" in read(chief.get(page))
    page = read(chief.get(f"{LIST}tableau/{uploaded.pk}/"))
    assert "2 écoles changent" in page
    assert "1 ligne sans nombre" in page
    assert chief.post(f"{LIST}tableau/{uploaded.pk}/", {"version": "7"}).status_code == 409
    assert chief.post(f"{LIST}tableau/{uploaded.pk}/", {"version": "0"})["Location"] == LIST
    assert renewed.units() == (7, 3, 0, 4)
    assert "Rien ne change" in read(chief.get(f"{LIST}tableau/{uploaded.pk}/"))


def test_a_list_of_another_office_or_without_numbers_is_not_found(chief, renewed, gard):
    with tenant_context(gard):
        school = SchoolFactory()
        PortfolioSchoolFactory(school=school)
        other = upload_list(f"UAI;Nombre de licences\n{school.pk};3\n".encode())
    plain = upload_list(f"UAI;Directeur\n{renewed.zola.pk};Mme Roux\n".encode())
    for number in (other.pk, plain.pk, 0, 10**12, 10**18):
        assert chief.get(f"{LIST}tableau/{number}/").status_code == 404
        assert chief.post(f"{LIST}tableau/{number}/", {"version": "0"}).status_code == 404


def test_two_offices_renew_apart(chief, renewed, gard):
    with tenant_context(gard):
        RenewedOffice(gard).edit_all("this_year")
    assert renewed.units() == (6, 3, 0, 0)
    assert not Renewal.objects.exists()


def test_the_page_asks_the_same_questions_whatever_the_schools(chief, renewed, django_assert_num_queries):
    renewed.edit({renewed.verne.pk: 1})
    chief.get(LIST)
    with django_assert_num_queries(23):
        chief.get(LIST)
    for _ in range(30):
        renewed.edit({PortfolioSchoolFactory(school=SchoolFactory()).school_id: 2})
    with django_assert_num_queries(23):
        chief.get(LIST)


def test_an_order_that_was_given_up_leaves_the_list(chief, renewed):
    chief.post(f"{LIST}commander/", {"version": "0", "licences": "9"})
    order = Order.objects.get(kind="purchase")
    orders.discard_draft(order_id=order.pk, by=renewed.buyer, at=MAY)
    assert "Établir le devis de 9 licences" in read(chief.get(LIST))
