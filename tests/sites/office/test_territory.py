"""The map of the territory: states, dots that are links, outlines, and the page of the schools of one dot."""

import datetime
import re
from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement
from licensing.orders import operations as orders
from schools.models import TerritoryLevel, TerritoryOutline
from sites.office.territory import (
    HEIGHT,
    MERGED_WITHIN,
    WIDTH,
    MapCell,
    SchoolName,
    draw_dots,
    find_outlines,
    fit,
    get_territory,
    group_schools,
)
from tenants.models import CollectivityKind
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed

NOW = timezone.now()
TODAY = date_in_paris(NOW)
COMMUNES, DEPARTEMENTS = ["30189", "30189", "30007"], ["030", "030", "02A"]
RING = [[4.2, 43.7], [4.5, 43.7], [4.5, 43.9], [4.2, 43.7]]


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=50, reason="Essai", name="Lot A", by=None, at=NOW)


@pytest.fixture
def viewer(nimes, office):
    return office("nimes", MemberFactory(user=UserFactory(), roles=["viewer"]).user)


def place(latitude, longitude, **kwargs):
    return SchoolFactory(latitude=latitude, longitude=longitude, **kwargs)


def map_cell(uai="0300001A", latitude=43.8, longitude=4.3, state="none"):
    return MapCell(latitude, longitude, state, 1, (uai,))


def add_outline(code, *, level=TerritoryLevel.COMMUNE, siren=""):
    return TerritoryOutline.objects.create(
        level=level, code=code, siren=siren, name=code, rings=[RING], source="IGN 2026", loaded_at=NOW
    )


def draw(cells):
    return draw_dots(cells, fit([(cell.longitude, cell.latitude) for cell in cells]))


def page(client, path="/carte/"):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


# --- Dots ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_school_is_in_the_state_of_its_licences_on_map_and_table(nimes, pool):
    PortfolioSchoolFactory(school=place(43.6, 4.1))
    allocate_units(pool, place(43.8, 4.3), units=1, at=NOW)
    mark_redeemed(allocate_units(pool, place(44.1, 4.0), units=1, at=NOW), PrincipalFactory())
    used = mark_redeemed(allocate_units(pool, place(43.9, 4.6), units=1, at=NOW), PrincipalFactory())
    used.seats.update(holder=TeacherFactory(), held_since=NOW, mode="manual")
    copy_everywhere()
    allocate_units(pool, SchoolFactory(), units=1, at=NOW)
    drawn = get_territory(nimes, TODAY)
    assert sorted(dot.state for dot, _ in drawn.dots) == ["held", "issued", "none", "redeemed"]
    assert {line.state: line.schools for line in drawn.lines} == {"none": 1, "issued": 2, "redeemed": 1, "held": 1}
    assert (drawn.total, drawn.unplaced) == (5, 1)


def test_licences_of_a_pool_that_is_over_count_no_more(nimes, pool):
    school = place(43.8, 4.3)
    PortfolioSchoolFactory(school=school)
    allocate_units(pool, school, units=1, at=NOW)
    ended = TODAY - datetime.timedelta(days=1)
    Entitlement.objects.filter(pk=pool.entitlement_id).update(first_day=ended, last_day=ended)
    assert [dot.state for dot, _ in get_territory(nimes, TODAY).dots] == ["none"]


def test_each_dot_is_a_link_that_says_school_and_state(viewer, pool):
    school = place(43.8, 4.3, name="Ecole Jean Jaurès")
    allocate_units(pool, school, units=1, at=NOW)
    shown = page(viewer)
    words = "École Jean Jaurès (Nîmes)\xa0: clé non activée"
    assert f'<a href="/ecoles/{school.uai}/" aria-label="{words}">' in shown
    assert f"<title>{words}</title>" in shown


@pytest.mark.slow
def test_the_home_page_fetches_the_map_and_nothing_where_there_is_no_school(viewer, pool):
    assert 'hx-get="/carte/"' in page(viewer, "/")
    fetch = {"HX-Request": "true"}
    assert viewer.get("/carte/", headers=fetch).content == b""
    assert "Aucune école encore" in page(viewer)
    PortfolioSchoolFactory(school=place(43.8, 4.3))
    card = viewer.get("/carte/", headers=fetch).content.decode()
    assert "#dot-none" in card
    assert "<html" not in card


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 30])
def test_the_map_reads_the_directory_three_times_whatever_the_schools(viewer, pool, count):
    for number in range(count):
        allocate_units(pool, place(43.8 + number / 100, 4.3), units=1, at=NOW)
    viewer.get("/carte/")
    with CaptureQueriesContext(connection) as captured:
        viewer.get("/carte/")
    assert len([one for one in captured.captured_queries if "schools_" in one["sql"]]) == 3


def test_dots_stay_inside_the_map_and_apart_from_one_another():
    dots = draw([map_cell(str(n), latitude=43 + n % 71 / 500, longitude=4 + n % 97 / 300) for n in range(5000)])
    assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in dots)
    assert sum(dot.schools for dot in dots) == 5000
    gaps = [(one.x - two.x) ** 2 + (one.y - two.y) ** 2 for n, one in enumerate(dots) for two in dots[:n]]
    assert min(gaps) >= MERGED_WITHIN**2


def test_a_single_school_is_drawn_in_the_middle():
    (dot,) = draw([map_cell()])
    assert (dot.x, dot.y) == (WIDTH / 2, HEIGHT / 2)


def test_a_dot_of_several_schools_has_the_state_of_the_most_advanced():
    for third in ("issued", "redeemed", "held"):
        states = ["none", "issued", third, "none"]
        (dot,) = draw([map_cell(str(n), state=state) for n, state in enumerate(states)])
        assert dot.state == third
    names = {str(n): SchoolName("Ecole", "Nîmes") for n in range(4)}
    assert dot.describe(names) == "4\xa0écoles\xa0: École, École, École et 1\xa0autre"


@pytest.mark.slow
def test_a_dot_of_several_schools_leads_to_their_list(viewer, pool):
    first, second = place(43.8, 4.3, name="Ecole Nord"), place(43.8, 4.3, name="Ecole Sud")
    PortfolioSchoolFactory(school=first)
    allocate_units(pool, second, units=1, at=NOW)
    PortfolioSchoolFactory(school=place(44.2, 4.9, name="Ecole Loin"))
    address = f"/carte/{first.uai}/"
    assert f'<a href="{address}" aria-label="2\xa0écoles' in page(viewer)
    shown = page(viewer, address)
    assert f'href="/ecoles/{first.uai}/">École Nord' in shown
    assert f'href="/ecoles/{second.uai}/">École Sud' in shown
    assert "Loin" not in shown
    assert viewer.get(f"/carte/{SchoolFactory().uai}/").status_code == 404


@pytest.mark.slow
def test_each_state_of_the_table_leads_to_as_many_schools(viewer, pool, gard):
    PortfolioSchoolFactory(school=place(43.6, 4.1, name="Ecole Nord"))
    PortfolioSchoolFactory(school=SchoolFactory(name="Ecole Sud"))
    allocate_units(pool, place(43.8, 4.3, name="Ecole Est"), units=1, at=NOW)
    with tenant_context(gard):
        PortfolioSchoolFactory(school=place(46, 4.1, name="Ecole Ailleurs"))
    shown = page(viewer)
    for state, schools in (("none", {"Nord", "Sud"}), ("issued", {"Est"})):
        address = f"/carte/etat/{state}/"
        assert f'<a href="{address}">' in shown
        listed = page(viewer, address)
        assert {name for name in ("Nord", "Sud", "Est", "Ailleurs") if f">École {name}<" in listed} == schools
    assert 'href="/carte/etat/held/"' not in shown
    assert 'href="/ecoles/?licences=dormant"' in page(viewer, "/carte/etat/issued/")
    assert "Agir sur ces écoles" not in page(viewer, "/carte/etat/held/")
    assert viewer.get("/carte/etat/lost/").status_code == 404


def test_the_schools_of_a_state_come_a_page_at_a_time(viewer, monkeypatch):
    monkeypatch.setattr("sites.office.territory._PAGE_SIZE", 2)
    for name in ("A", "B", "C"):
        PortfolioSchoolFactory(school=SchoolFactory(name=f"Ecole {name}"))
    pages = [page(viewer, f"/carte/etat/none/?page={number}") for number in (1, 2)]
    assert [[name for name in "ABC" if f">École {name}<" in one] for one in pages] == [["A", "B"], ["C"]]
    assert "3\xa0écoles de votre territoire sont" in collapse(pages[0])


# --- Outlines --------------------------------------------------------------------------------------------------------


def test_without_an_outline_the_map_has_its_dots_only(viewer):
    PortfolioSchoolFactory(school=place(43.8, 4.3))
    shown = page(viewer)
    assert "#dot-none" in shown
    assert "map-outline" not in shown
    assert "Contour" not in shown


def test_the_outline_lies_below_the_dots_and_names_its_source(viewer):
    PortfolioSchoolFactory(school=place(43.8, 4.4))
    add_outline("30189")
    shown = page(viewer)
    assert shown.index('class="map-outline"') < shown.index('<use href="#dot-none"')
    (path,) = re.findall(r'class="map-outline" d="([^"]+)"', shown)
    assert len(path.split()) == 6
    assert "Contour&nbsp;: IGN 2026." in shown


def test_the_outline_of_the_collectivity_itself_comes_first(nimes):
    own = add_outline("30999", siren=nimes.siren)
    add_outline("30189")
    assert find_outlines(nimes, Counter(["30189"])) == [own]


@pytest.mark.parametrize(
    ("kind", "codes", "found"),
    [
        (CollectivityKind.COMMUNE, COMMUNES, ["30189"]),
        (CollectivityKind.EPCI, COMMUNES, ["30007", "30189"]),
        (CollectivityKind.DEPARTEMENT, DEPARTEMENTS, ["30"]),
        (CollectivityKind.REGION, DEPARTEMENTS, ["2A", "30"]),
        (CollectivityKind.PURCHASING_BODY, DEPARTEMENTS, ["2A", "30"]),
    ],
)
def test_without_its_own_the_outlines_of_its_schools_are_taken(nimes, kind, codes, found):
    for code in ("30189", "30007", "2A004"):
        add_outline(code)
    for code in ("30", "2A", "34"):
        add_outline(code, level=TerritoryLevel.DEPARTEMENT)
    nimes.kind = kind
    assert sorted(outline.code for outline in find_outlines(nimes, Counter(codes))) == found


@pytest.mark.parametrize("kind", [CollectivityKind.COMMUNE, CollectivityKind.REGION])
def test_schools_are_counted_by_the_codes_that_the_outlines_of_the_office_have(nimes, kind):
    nimes.kind = kind
    for commune, departement in (("30189", "030"), ("30189", "030"), ("2A004", "02A"), ("", "")):
        school = SchoolFactory(commune_code=commune, departement_code=departement)
        PortfolioSchoolFactory(school=school)
    counted = Counter([*COMMUNES[:2], "2A004"] if kind == CollectivityKind.COMMUNE else DEPARTEMENTS)
    assert group_schools(nimes, TODAY).codes == counted


@pytest.mark.parametrize(("code", "commune"), [("75113", "75056"), ("69381", "69123"), ("13215", "13055")])
def test_an_arrondissement_is_its_commune(nimes, code, commune):
    add_outline(commune)
    assert [outline.code for outline in find_outlines(nimes, Counter([code]))] == [commune]


@pytest.mark.parametrize("count", [1, 30])
def test_the_map_takes_four_queries(nimes, pool, count, django_assert_num_queries):
    for number in range(count):
        PortfolioSchoolFactory(school=place(43 + number / 50, 4.4))
        add_outline(f"3{number:04}")
    with django_assert_num_queries(4):
        get_territory(nimes, TODAY)
