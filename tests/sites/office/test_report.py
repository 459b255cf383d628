"""« Rapport pour le conseil »: its figures are those of the home page, of last year too, and name no class."""

import dataclasses
import datetime
import io
from collections import Counter
from decimal import Decimal

import openpyxl
import pypdf
import pytest
from django_tenants.utils import tenant_context
from PIL import Image

from collectivities.capabilities import Role
from collectivities.operations.offices import set_presentation
from licensing.entitlements.models import ActivationKey
from licensing.pools.positions import list_pool_positions
from licensing.pools.year_use import YearUse, YearUses
from sites.office.year_report import (
    MIN_LICENCES,
    ReportFigures,
    SchoolsByUse,
    choose_year,
    list_lines,
    read_price,
    read_report,
    split_schools,
)
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.orders import actions
from tests.returns.given_school import GivenSchool
from tests.sites.office.report_years import (
    LAST_OCTOBER,
    NOW,
    THIS_OCTOBER,
    open_pool,
    release_all,
    serve,
    spend_two_years,
    take_seats,
)

pytestmark = pytest.mark.slow

TODAY = NOW.date()
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def schools(nimes):
    return spend_two_years(nimes)


@pytest.fixture
def member(nimes, office):
    def sign_in(*roles):
        return office("nimes", MemberFactory(roles=list(roles)).user)

    return sign_in


def read(path, client):
    answer = client.get(path)
    assert answer.status_code == 200
    return collapse(answer.content.decode())


# --- The figures ------------------------------------------------------------------------------------------------------


def test_the_figures_of_the_running_year_are_those_of_the_home_page(schools):
    figures = read_report(2027, TODAY).figures
    [position] = [one for one in list_pool_positions() if one.last_day.year == 2027]
    assert figures == ReportFigures(bought=30, granted=30, given=15, redeemed=14, used=12, schools=4)
    assert (figures.bought, figures.given) == (position.bought, position.bought - position.free)
    assert (figures.redeemed, figures.used) == (position.redeemed_free + position.held, position.held)


def test_last_year_is_counted_at_its_end_and_on_the_same_day(schools):
    report = read_report(2027, TODAY)
    assert report.last_year == ReportFigures(bought=20, granted=20, given=9, redeemed=9, used=5, schools=2)
    assert report.same_day == ReportFigures(bought=20, granted=20, given=6, redeemed=6, used=4, schools=1)


def test_the_figures_of_a_year_that_is_over_stay_when_its_teachers_leave(schools):
    before = read_report(2026, TODAY)
    release_all(at=NOW - DAY)
    after = read_report(2026, TODAY)
    assert before.figures == after.figures
    assert after.is_over
    assert after.same_day is None
    assert [week.used for week in after.weeks][-1] == 5
    # This year's teachers left too.
    assert read_report(2027, TODAY).figures.used == 0


def test_who_leaves_during_the_year_is_not_counted_at_its_end(nimes):
    last = open_pool(nimes, 2026)
    serve(last, SchoolFactory(), units=5, used=3, at=LAST_OCTOBER)
    release_all(at=LAST_OCTOBER + 30 * DAY)
    report = read_report(2026, TODAY)
    assert report.figures.used == 0
    assert max(week.used for week in report.weeks) == 3


def test_a_school_that_gave_all_back_is_not_among_those_that_have_some(nimes):
    pool = open_pool(nimes, 2027)
    serve(pool, SchoolFactory(), units=4, used=1, at=THIS_OCTOBER)
    given = GivenSchool(nimes, pool=pool, at=THIS_OCTOBER)
    before = read_report(2027, TODAY).figures
    given.give_back(5, at=NOW)
    after = read_report(2027, TODAY).figures
    assert (before.schools, before.given, before.redeemed) == (2, 9, 9)
    assert (after.schools, after.given, after.redeemed, after.used) == (1, 4, 4, 1)


def test_a_cancelled_order_counts_nowhere(nimes):
    PurchaseFactory(cancelled=True, at=NOW - DAY)
    assert read_report(2027, TODAY).figures.bought == 0


def test_schools_are_counted_by_what_they_use(schools):
    assert read_report(2027, TODAY).by_use == SchoolsByUse(all_used=1, some_used=2, none_used=0, not_redeemed=1)


def test_the_weeks_add_up_to_the_figures(schools):
    report = read_report(2027, TODAY)
    assert (report.weeks[-1].redeemed, report.weeks[-1].used) == (report.figures.redeemed, report.figures.used)
    assert report.weeks[-1].monday == datetime.date(2026, 11, 23)
    assert [week.used for week in report.weeks[:3]] == [8, 11, 12]


@pytest.mark.small
def test_the_year_shown_first_is_the_running_one_or_the_latest_before_it():
    assert choose_year([2028, 2027, 2026], TODAY) == 2027
    assert choose_year([2026, 2025], TODAY) == 2026
    assert choose_year([2029, 2028], TODAY) == 2028
    assert choose_year([], TODAY) is None


@pytest.mark.small
def test_a_leap_day_is_compared_with_the_last_of_february(nimes):
    open_pool(nimes, 2028)
    assert read_report(2028, datetime.date(2028, 2, 29)).figures.bought == 40


# --- The threshold ----------------------------------------------------------------------------------------------------


def use(given, used=0):
    return YearUse(given, given, used)


def split(uses):
    """Split schools, by UAI, as their uses are read."""
    listed = [(uai, one) for uai, one in uses.items() if one.given >= MIN_LICENCES]
    listed.sort(key=lambda entry: -entry[1].used)
    smallest = min(listed, key=lambda entry: (entry[1].given, entry[0]), default=None)
    return split_schools(YearUses([Counter(uses.values())], listed, smallest))


@pytest.mark.small
def test_small_schools_are_counted_together():
    found = split({"A": use(8, 7), "B": use(2, 1), "C": use(1, 1)})
    assert [uai for uai, _ in found.named] == ["A"]
    assert (found.grouped.schools, found.grouped.use) == (2, YearUse(3, 3, 2))
    assert (found.total, found.use) == (1, use(8, 7))


@pytest.mark.small
@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        # Alone, or with too few licences, a group would tell of its school.
        ([2, 8, 9], 2),
        ([1, 1, 8, 9], 3),
        ([2, 2, 8], 2),
        ([2, 8], 2),
        ([3, 3, 8], 0),
    ],
)
def test_a_group_takes_in_the_next_school_until_it_hides_them(given, hidden):
    found = split({f"{number}": use(units) for number, units in enumerate(given)})
    assert (found.grouped.schools if found.grouped else 0) == hidden
    assert len(found.named) == found.total == len(given) - hidden
    assert all(one.given >= MIN_LICENCES for _, one in found.named)


def test_a_page_reads_the_first_schools_and_sums_the_others(schools):
    complete, first = read_report(2027, TODAY), read_report(2027, TODAY, named=1)
    assert [school.name for school in first.name_schools(1)] == ["École Grande"]
    assert [school.use for school in complete.schools] == [YearUse(8, 8, 8), YearUse(4, 4, 3)]
    assert (first.split.total, first.add_up_named(1)) == (2, YearUse(4, 4, 3))
    assert first.split.grouped == complete.split.grouped


def test_of_too_few_licences_only_how_many_were_given_is_shown(nimes, member):
    serve(open_pool(nimes, 2027), SchoolFactory(name="Ecole Unique"), units=2, used=1, at=THIS_OCTOBER)
    report = read_report(2027, TODAY)
    assert (report.figures.given, report.figures.used, report.by_use, report.weeks) == (2, None, None, [])
    shown = read("/rapport/", member(Role.MANAGER))
    assert "Unique" not in shown
    assert "Moins de 3 licences sont données" in shown


def test_no_page_names_a_school_below_the_threshold(schools, member):
    shown = read("/rapport/", member(Role.MANAGER))
    assert "École Grande" in shown
    assert "2\u00a0écoles non nommées, ensemble" in shown
    for private in ("Petite", "Seule", "Zzyzx"):
        assert private not in shown


# --- The price --------------------------------------------------------------------------------------------------------


@pytest.fixture
def purchase(nimes):
    """A purchase of 2,000 licences, paid, of which one school's teachers use 40."""
    order = PurchaseFactory(paid=True, at=THIS_OCTOBER)
    pool_id = list_pool_positions()[0].pool_id
    pool = type("Lot", (), {"pk": pool_id})
    serve(pool, SchoolFactory(), units=50, used=40, at=THIS_OCTOBER)
    return order


def test_the_price_of_a_used_class_is_that_of_the_orders_shared_by_the_used_licences(purchase):
    report = read_report(2027, TODAY)
    assert report.cost.total == (purchase.total_ht, purchase.total_vat, purchase.total_ttc)
    assert report.cost.ht == (purchase.total_ht / 40).quantize(Decimal("0.01"))
    assert report.cost.ttc == (purchase.total_ttc / 40).quantize(Decimal("0.01"))


def test_credit_notes_are_deducted_from_the_price(purchase):
    actions.credit(purchase, licences=100, at=NOW)
    purchase.refresh_from_db()
    assert purchase.credited
    assert read_price(2027).ttc == purchase.total_ttc - purchase.credited


def test_what_was_given_for_nothing_has_no_price(schools, member):
    cost = read_report(2027, TODAY).cost
    assert (cost.total.ttc, cost.ht, cost.ttc) == (0, None, None)
    # Nor rows that say four times that there is none.
    report = read_report(2027, TODAY)
    assert not [line.label for line in list_lines(report, with_price=True) if "Prix" in line.label]
    assert "Prix" not in read("/rapport/", member(Role.MANAGER))


def test_a_price_that_is_no_longer_is_compared_with_that_of_last_year(schools):
    report = read_report(2027, TODAY)
    total = report.last_cost.total._replace(ht=Decimal(100), ttc=Decimal(120))
    report = dataclasses.replace(report, last_cost=report.last_cost._replace(total=total))
    lines = {line.label: (line.now_text, line.last_year_text) for line in list_lines(report, with_price=True)}
    assert lines["Prix des licences TTC"] == ("—", "120,00\u00a0€")
    assert lines["Prix d’une classe utilisée TTC"] == ("—", "—")


@pytest.mark.parametrize(
    ("role", "reads"), [(Role.MANAGER, True), (Role.BUYER, True), (Role.DATA_OFFICER, False), (Role.VIEWER, False)]
)
def test_prices_are_for_buyers_and_managers(purchase, member, role, reads):
    client = member(role)
    assert ("Prix" in read("/rapport/", client)) is reads
    book = openpyxl.load_workbook(io.BytesIO(client.get("/rapport/classeur/").content))
    assert any("Prix" in str(row[0].value) for row in book["Chiffres"]) is reads
    assert ("Prix" in read_pdf(client.get("/rapport/pdf/"))[1]) is reads


# --- The page ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_year_and_the_one_before(schools, member):
    shown = read("/rapport/", member(Role.VIEWER))
    for words in (
        "Ville de Nîmes, année scolaire 2026-2027, au 27\u00a0novembre 2026",
        "2025-2026, à la même date",
        "2025-2026, à la fin",
        "80\u00a0% des données",
        "L’année, semaine par semaine",
        "14\u00a0licences activées, dont 12 utilisées",
        "Utilisent toutes leurs licences",
    ):
        assert words in shown
    assert "style=" not in shown
    assert 'href="/rapport/?annee=2026"' in shown
    over = read("/rapport/?annee=2026", member(Role.VIEWER))
    assert "au 31\u00a0août 2026" in over
    assert "à la même date" not in over


@pytest.mark.parametrize("path", ["/rapport/", "/rapport/pdf/", "/rapport/classeur/"])
def test_a_year_without_licences_is_not_found(schools, member, path):
    browser = member(Role.MANAGER)
    for year in ("2025", "0", "-1", "1000000000000", "", "deux mille", "2027 ", "２０２７"):
        assert browser.get(path, {"annee": year}).status_code == 404, year


def test_an_office_without_licences_reads_what_the_report_will_say(member):
    shown = read("/rapport/", member(Role.VIEWER, Role.BUYER))
    assert "Il n’y en a pas encore" in shown
    assert 'href="/achats/nouveau/"' in shown
    assert read_pdf(member(Role.VIEWER).get("/rapport/pdf/"))[0] == 1
    assert member(Role.VIEWER).get("/rapport/classeur/").status_code == 200


def test_licences_that_no_school_has_yet_make_a_report(nimes, member):
    open_pool(nimes, 2027)
    client = member(Role.MANAGER)
    assert "L’année en chiffres" in read("/rapport/", client)
    assert read_pdf(client.get("/rapport/pdf/"))[0] == 1
    assert client.get("/rapport/classeur/").status_code == 200


def test_the_report_of_another_collectivity_is_of_its_own_licences(schools, gard, office):
    with tenant_context(gard):
        serve(open_pool(gard, 2025), SchoolFactory(name="Ecole Autre"), units=5, used=4,
              at=LAST_OCTOBER - 365 * DAY)  # fmt: skip
        client = office("gard", MemberFactory(roles=[Role.MANAGER]).user)
    assert client.get("/rapport/?annee=2027").status_code == 404
    shown = read("/rapport/", client)
    assert "École Autre" in shown
    assert "Grande" not in shown


def test_the_questions_of_the_page_do_not_grow_with_the_schools(schools, nimes, member, django_assert_num_queries):
    client = member(Role.MANAGER)
    read("/rapport/", client)
    with django_assert_num_queries(19):
        read("/rapport/", client)
    pool = open_pool(nimes, 2027, at=THIS_OCTOBER + DAY)
    for _ in range(4):
        serve(pool, SchoolFactory(), units=5, used=2, at=THIS_OCTOBER + DAY)
    with django_assert_num_queries(19):
        read("/rapport/", client)


# --- The PDF ----------------------------------------------------------------------------------------------------------


def read_pdf(answer):
    """Return the number of pages of a PDF, and its text."""
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    document = pypdf.PdfReader(io.BytesIO(answer.content))
    return len(document.pages), " ".join("\n".join(page.extract_text() for page in document.pages).split())


def test_the_pdf_says_the_same_on_one_page(schools, member):
    picture = io.BytesIO()
    Image.new("RGBA", (300, 120), (31, 78, 150, 128)).save(picture, "PNG")
    set_presentation(sender_name="", reply_to="", signature="", logo=picture.getvalue(), by=None, at=NOW)
    answer = member(Role.MANAGER).get("/rapport/pdf/")
    pages, text = read_pdf(answer)
    assert pages == 1
    assert 'filename="rapport-2026-2027-au-2026-11-27.pdf"' in answer["Content-Disposition"]
    for words in (
        "Ville de Nîmes",
        "Rapport pour le conseil",
        "année scolaire 2026-2027, au 27 novembre 2026",
        "Utilisées par une classe",
        "École Grande",
        "écoles non nommées, ensemble",
        "établi le 27 novembre 2026",
        "page 1 sur 1",
    ):
        assert words in text.replace("\u00a0", " ")
    for private in ("Petite", "Seule", "Zzyzx"):
        assert private not in text
    document = pypdf.PdfReader(io.BytesIO(answer.content))
    assert document.xmp_metadata.dc_title == {"x-default": "Rapport 2026-2027 – Ville de Nîmes"}
    assert document.root_object["/Lang"] == "fr"
    assert document.pages[0].images


@pytest.mark.parametrize(("rows", "schools"), [(2, 6), pytest.param(10, 15, marks=pytest.mark.slow)])
def test_the_pdf_of_many_schools_with_long_names_stays_one_page(nimes, member, monkeypatch, rows, schools):
    if schools < 10:
        monkeypatch.setattr("sites.office.printed_report.MAX_SCHOOLS", rows)
    pool = open_pool(nimes, 2027, licences=5000, at=THIS_OCTOBER - 60 * DAY)
    for number in range(schools):
        school = SchoolFactory(
            name=f"Ecole élémentaire publique Antoine de Saint-Exupéry et Marie Curie réunies {number}"
        )
        serve(pool, school, units=5 + number, used=number, at=THIS_OCTOBER - 50 * DAY + number * DAY)
    serve(pool, SchoolFactory(), units=1, at=THIS_OCTOBER)
    pages, text = read_pdf(member(Role.MANAGER).get("/rapport/pdf/"))
    assert pages == 1
    assert "autres écoles" in text
    assert text.index("Une licence est utilisée") > text.index("autres écoles")


# --- The workbook -----------------------------------------------------------------------------------------------------


def test_the_workbook_has_numbers_and_no_formulas(schools, nimes, member):
    pool = open_pool(nimes, 2027, at=THIS_OCTOBER + DAY)
    serve(pool, SchoolFactory(name="=1+1"), units=7, used=2, at=THIS_OCTOBER + DAY)
    answer = member(Role.MANAGER).get("/rapport/classeur/?annee=2027")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["Chiffres", "Écoles", "Semaines"]
    figures = {row[0].value: [cell.value for cell in row[1:4]] for row in book["Chiffres"].iter_rows(min_row=2)}
    assert figures["Utilisées par une classe"] == [14, 5, 4]
    assert figures["Écoles : utilisent toutes leurs licences"][0] == 1
    rows = [[cell.value for cell in row] for row in book["Écoles"].iter_rows(min_row=2)]
    assert [row[3:] for row in rows] == [[8, 8, 8], [4, 4, 3], [7, 7, 2], [3, 2, 1]]
    assert {cell.data_type for row in book["Écoles"] for cell in row} <= {"s", "n"}
    last = [cell.value for cell in list(book["Semaines"])[-1]]
    assert last[0] == datetime.datetime(2026, 11, 23)  # noqa: DTZ001 - a day, as openpyxl reads it
    assert last[-2:] == [21, 14]


def test_a_licence_taken_back_and_given_again_is_counted_once(nimes):
    pool = open_pool(nimes, 2027)
    subscription = serve(pool, SchoolFactory(), units=4, used=2, at=THIS_OCTOBER)
    release_all(at=THIS_OCTOBER + 3 * DAY)
    take_seats(subscription, 1, at=THIS_OCTOBER + 4 * DAY)
    assert ActivationKey.objects.count() == 1
    assert read_report(2027, TODAY).figures.used == 1
