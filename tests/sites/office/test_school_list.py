"""« Écoles »: what each school holds, activated and uses."""

import datetime
import html
import io
import re

import openpyxl
import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from licensing.entitlements.models import Entitlement
from licensing.orders import operations as orders
from licensing.pools.models import Allocation
from licensing.pools.reductions import revoke
from mailing.models import Message, MessageState
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.guide.scenario import page_text
from tests.html import collapse
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent
from tests.tiers import sampled

pytestmark = pytest.mark.slow

NOW = timezone.now()


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=500, reason="Essai", name="Lot A", by=None, at=NOW)


@pytest.fixture
def manager(nimes, office):
    return office("nimes", MemberFactory(roles=[Role.MANAGER]).user)


def add_school(name, **fields):
    return PortfolioSchoolFactory(school__name=name, **fields).school


def hold_seats(subscription, count):
    for seat in subscription.seats.all()[:count]:
        seat.holder, seat.held_since, seat.mode = TeacherFactory(last_name="Zzyzx"), NOW, "manual"
        seat.save()
    copy_everywhere()


@pytest.fixture
def schools(pool):
    """One without licences, one whose key waits, one whose e-mail is lost, one that uses two of four."""
    found = {name: add_school(f"École {name}") for name in ("Rien", "Attend", "Perdue", "Active")}
    for name, units in (("Attend", 5), ("Perdue", 3), ("Active", 4)):
        allocation = allocate_units(pool, found[name], units=units, at=NOW)
        if name == "Active":
            hold_seats(mark_redeemed(allocation, PrincipalFactory()), 2)
    mark_sent()
    Message.objects.filter(about__contains="Perdue").update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    return found


def figures(client, query=""):
    """Return by name the figures and the state of each school of the list, in its order."""
    page = client.get(f"/ecoles/?{query}").content.decode()
    rows = re.findall(r'<tr role="row">(?!.*?<th)(.*?)</tr>', page, re.DOTALL)
    found = {}
    for row in rows:
        cells = dict(re.findall(r'data-label="(\w+)"[^>]*>(.*?)</td>', row, re.DOTALL))
        if cells:
            plain = {label: " ".join(re.sub(r"<[^>]+>", " ", cell).split()) for label, cell in cells.items()}
            name = plain["École"].removeprefix("École ")
            state = plain["État"].removesuffix(" Attribuer")
            found[name] = (plain["Licences"], plain["Activées"], plain["Utilisées"], state)
    return found


def test_each_school_shows_what_it_holds_activated_and_uses(schools, manager):
    assert figures(manager) == {
        "Active": ("4", "4", "2", "Clé activée"),
        "Attend": ("5", "0", "0", "Clé non activée"),
        "Perdue": ("3", "0", "0", "Clé non remise"),
        "Rien": ("0", "0", "0", "Sans licence"),
    }
    assert f"/attributions/attribuer/?ecole={schools['Rien'].uai}" in manager.get("/ecoles/").content.decode()
    assert "Zzyzx" not in manager.get("/ecoles/").content.decode()


def test_the_lots_of_the_year_are_summed_and_what_is_over_is_not(schools, pool, manager):
    second, cancelled, ended = PoolFactory(), PoolFactory(), PoolFactory()
    for other in (second, cancelled, ended):
        allocate_units(other, schools["Rien"], units=2, at=NOW)
    revoke(allocation_id=allocate_units(pool, schools["Rien"], units=7, at=NOW).pk, by=None, at=NOW)
    Entitlement.objects.filter(pk=cancelled.entitlement_id).update(suspended_at=NOW, cancelled_at=NOW)
    Entitlement.objects.filter(pk=ended.entitlement_id).update(last_day=NOW.date() - datetime.timedelta(days=90))
    assert figures(manager)["Rien"] == ("2", "0", "0", "Clé non activée")


def test_a_suspended_key_is_held_and_is_nothing_to_remind_of(schools, pool, manager):
    Entitlement.objects.filter(pk=pool.entitlement_id).update(suspended_at=NOW, suspension_cause="operator")
    assert figures(manager)["Attend"] == ("5", "0", "0", "Clé suspendue")
    assert figures(manager, "licences=dormant") == {}


def test_next_year_s_licences_are_a_choice_and_no_part_of_this_year_s(schools, manager):
    later = PoolFactory()
    allocate_units(later, schools["Rien"], units=9, at=NOW)
    assert 'name="year"' not in manager.get("/ecoles/").content.decode()
    Entitlement.objects.filter(pk=later.entitlement_id).update(last_day=datetime.date(2028, 8, 31))
    assert 'name="year"' in manager.get("/ecoles/").content.decode()
    assert figures(manager)["Rien"][0] == "0"
    assert {name: held[0] for name, held in figures(manager, "year=2028-08-31").items()} == {
        "Active": "0", "Attend": "0", "Perdue": "0", "Rien": "9",
    }  # fmt: skip
    assert figures(manager, "year=hier")["Rien"][0] == "0"


@pytest.mark.parametrize(
    ("query", "names"),
    sampled(
        [
            ("licences=none", ["Rien"]),
            ("licences=dormant", ["Attend", "Perdue"]),
            ("licences=unreached", ["Perdue"]),
            ("licences=dormant&text=attend", ["Attend"]),
            ("licences=tout", ["Active", "Attend", "Perdue", "Rien"]),
            ("sort=-units", ["Attend", "Active", "Perdue", "Rien"]),
            ("sort=redeemed", ["Attend", "Perdue", "Rien", "Active"]),
            ("sort=-used", ["Active", "Attend", "Perdue", "Rien"]),
            ("sort=-name", ["Rien", "Perdue", "Attend", "Active"]),
            ("sort=-commune", ["Rien", "Perdue", "Attend", "Active"]),
            ("sort=password", ["Active", "Attend", "Perdue", "Rien"]),
            ("sort=-units&licences=dormant", ["Attend", "Perdue"]),
        ],
        fast=2,
    ),
)
def test_the_list_is_filtered_and_sorted_by_what_schools_hold(schools, manager, query, names):
    assert list(figures(manager, query)) == names


def test_unknown_numbers_of_classes_come_last_both_ways(nimes, manager):
    for name, classes in (("Deux", 2), ("Neuf", 9), ("Inconnue", None)):
        add_school(f"École {name}", classes=classes)
    assert list(figures(manager, "sort=classes")) == ["Deux", "Neuf", "Inconnue"]
    assert list(figures(manager, "sort=-classes")) == ["Neuf", "Deux", "Inconnue"]


def test_a_heading_sorts_and_keeps_the_filter(schools, manager):
    page = manager.get("/ecoles/?licences=dormant&sort=-units&page=1").content.decode()
    assert 'aria-sort="descending"' in page
    assert "?licences=dormant&amp;sort=units" in page
    assert "?licences=dormant&amp;sort=-used" in page


def test_above_the_list_stands_what_the_whole_portfolio_lacks(schools, manager):
    page = page_text(manager.get("/ecoles/?text=rien"))
    assert "Où en sont vos 4 écoles en 2026-2027" in page
    assert "1 école sans licence" in page
    assert "2 écoles dont la clé n'est pas activée" in page
    assert "1 école dont l'e-mail est en échec : corrigez l'adresse de École Perdue" in page


def test_reminding_from_the_list_finds_the_same_keys(schools, pool, manager):
    allocate_units(pool, add_school("École Alésienne", school__commune="Alès", school__commune_code="30007"), at=NOW)
    mark_sent()
    page = manager.get("/ecoles/?licences=dormant&commune=30007").content.decode()
    queries = re.findall(r'name="query"\s+value="([^"]*)"', page)
    assert queries == ["state=issued", "state=issued&amp;commune=Al%C3%A8s"]
    # The key whose e-mail was lost is to be sent again, not reminded of.
    for query, count in zip(queries, ("2", "1"), strict=True):
        form = {"action": "relancer", "scope": "filter", "query": query.replace("&amp;", "&")}
        page = page_text(manager.post("/attributions/actions/", form))
        assert f"{count} école" in page, page[page.index("Ce qui va") :][:300]


def test_a_filter_that_the_allocations_lack_offers_no_reminding(schools, manager):
    page = manager.get("/ecoles/?licences=dormant&contact=without").content.decode()
    remind = 'name="scope" value="filter"><input type="hidden" name="query" value="state=issued"'
    assert collapse(page).count(remind) == 1
    assert collapse(manager.get("/ecoles/?licences=dormant").content.decode()).count(remind) == 2
    assert "Relancer les 2 écoles" in collapse(manager.get("/ecoles/?licences=dormant").content.decode())


def test_the_schools_that_are_ticked_are_reminded_and_the_list_comes_back(schools, manager):
    form = {"action": "relancer", "origin": "portfolio:list", "origin_query": "licences=dormant"}
    back = "/ecoles/?licences=dormant"
    nobody = manager.post("/attributions/actions/", form, follow=True)
    assert (nobody.redirect_chain, "Cochez au moins une école" in page_text(nobody)) == ([(back, 302)], True)
    nothing = manager.post("/attributions/actions/", form | {"uai": schools["Rien"].uai}, follow=True)
    assert "Aucune de ces écoles n'a de clé à activer" in page_text(nothing)
    Message.objects.filter(about__contains="Attend").update(sent_at=timezone.now())
    ticked = [schools["Attend"].uai, schools["Active"].uai]
    asked = manager.post("/attributions/actions/", form | {"uai": ticked})
    assert "1 école, 5 licences : un rappel part à chaque école" in page_text(asked)
    assert "La clé de l'une d'elles est partie il y a moins d'un jour" in page_text(asked)
    ids = re.findall(r'name="ids" value="(\d+)"', asked.content.decode())
    done = manager.post("/attributions/actions/", form | {"ids": ids, "confirmed": "5"}, follow=True)
    assert (done.redirect_chain, "1 école relancée" in page_text(done)) == ([(back, 302)], True)


def test_keys_that_are_not_redeemed_show_when_they_were_sent_and_are_sorted_by_it(schools, manager):
    sent = {"Attend": NOW - datetime.timedelta(days=3), "Perdue": NOW - datetime.timedelta(days=20)}
    for name, at in sent.items():
        Message.objects.filter(about__contains=name).update(sent_at=at)
    assert "Clé envoyée" not in manager.get("/ecoles/").content.decode()
    shown = manager.get("/ecoles/?licences=dormant&sort=sent_at").content.decode()
    assert f"{timezone.localtime(sent['Perdue']):%d/%m/%Y}" in shown
    assert shown.index("École Perdue</a>") < shown.index("École Attend</a>")
    shown = manager.get("/ecoles/?licences=dormant&sort=-reminded_at").content.decode()
    assert 'aria-sort="descending"' in shown
    assert "aria-sort" in manager.get("/ecoles/?sort=sent_at").content.decode()


def test_a_school_that_was_never_reminded_comes_last_in_both_directions(schools, manager):
    letter = Message.objects.get(about__contains="Perdue")
    letter.pk, letter.kind, letter.sent_at = None, "key_reminder", NOW
    letter.save()
    for sort in ("reminded_at", "-reminded_at"):
        assert list(figures(manager, f"licences=dormant&sort={sort}")) == ["Perdue", "Attend"]


def test_a_viewer_sees_the_list_and_can_change_nothing(schools, nimes, office):
    page = office("nimes", MemberFactory(roles=[Role.VIEWER]).user).get("/ecoles/?licences=dormant").content.decode()
    assert "École Attend" in page
    assert "checkbox" not in page
    assert "Relancer" not in page


@pytest.mark.small
def test_an_office_without_licences_lists_its_schools(nimes, manager):
    add_school("École Seule")
    for query in ("", "sort=-units", "licences=none&sort=used"):
        assert figures(manager, query) == {"Seule": ("0", "0", "0", "Sans licence")}
    assert figures(manager, "licences=dormant&sort=sent_at") == {}


def test_the_export_has_the_filtered_schools_and_their_figures(schools, manager):
    answer = manager.get("/ecoles/export.xlsx?licences=dormant&sort=-units")
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True))
    titles = {title: place for place, title in enumerate(rows[0])}
    shown = [[row[titles[title]] for title in ("École", "Licences", "Activées", "Utilisées")] for row in rows[1:]]
    assert shown == [["École Attend", 5, 0, 0], ["École Perdue", 3, 0, 0]]
    assert rows[1][titles["Adresse e-mail"]] == schools["Attend"].email


def test_what_another_collectivity_gave_is_not_shown(schools, gard, manager):
    granted = orders.grant(collectivity=gard, licences=9, reason="Essai", by=None, at=NOW)
    with tenant_context(gard):
        allocate_units(granted, schools["Rien"], units=9, at=NOW)
    assert figures(manager)["Rien"] == ("0", "0", "0", "Sans licence")


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_asks_as_much_for_one_school_as_for_thirty(pool, manager, count, django_assert_num_queries):
    for number in range(count):
        allocation = allocate_units(pool, add_school(f"École {number}"), units=3, at=NOW)
        hold_seats(mark_redeemed(allocation, PrincipalFactory()), 1)
    allocate_units(pool, add_school("École Perdue"), units=1, at=NOW)
    Message.objects.update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    manager.get("/ecoles/")
    with django_assert_num_queries(17):
        manager.get("/ecoles/?sort=-used&licences=dormant")
    with django_assert_num_queries(17):
        manager.get("/ecoles/?text=ecole")


def test_while_a_text_is_typed_the_list_alone_is_fetched(schools, manager):
    fetched = manager.get("/ecoles/?text=rien", headers={"HX-Request": "true"}).content.decode()
    assert "École Rien" in fetched
    assert "<html" not in fetched
    assert "Où en sont" not in fetched
    gone_back = manager.get("/ecoles/?text=rien", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "Où en sont" in gone_back.content.decode()


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("-units", ["Attend", "Active", "Perdue", "Rien"]),
        ("units", ["Rien", "Perdue", "Active", "Attend"]),
        ("used", ["Attend", "Perdue", "Rien", "Active"]),
    ],
)
def test_pages_go_on_where_the_schools_without_a_figure_begin(schools, manager, monkeypatch, sort, names):
    monkeypatch.setattr("sites.office.schools.PAGE_SIZE", 1)
    assert [[*figures(manager, f"sort={sort}&page={number}")] for number in range(1, 5)] == [[name] for name in names]


def read_html(answer):
    """Return the page's HTML with entities resolved and plain spaces and apostrophes."""
    return collapse(html.unescape(answer.content.decode()).replace("\u00a0", " "))


def test_who_may_not_remind_reads_who_may_and_after_how_many_days_a_school_is_late(schools, manager, nimes, office):
    boss = MemberFactory(roles=[Role.MANAGER], joined_at=NOW - datetime.timedelta(days=400))
    for role in (Role.VIEWER, Role.DATA_OFFICER):
        page = read_html(office("nimes", MemberFactory(roles=[role]).user).get("/ecoles/"))
        assert f'Pour les faire relancer, écrivez à <a href="mailto:{boss.user.email}">' in page, role
        assert "en retard 15 jours après" in page
    assert "faire relancer" not in read_html(manager.get("/ecoles/"))


@pytest.mark.parametrize(
    ("role", "button"),
    [(Role.MANAGER, "Distribuer"), (Role.DATA_OFFICER, "Préparer un tableau"), (Role.VIEWER, ""), (Role.BUYER, "")],
)
def test_the_filled_button_is_an_act_of_the_role(schools, nimes, office, role, button):
    page = office("nimes", MemberFactory(roles=[role]).user).get("/ecoles/").content.decode()
    found = re.findall(r'class="btn btn-primary[^"]*"[^>]*>\s*([^<]*?)\s*<', page)
    assert found == ([button] if button else [])


def test_schools_of_one_name_show_their_uai(schools, manager):
    twins = [add_school("École Pagnol"), add_school("ÉCOLE PAGNOL")]
    page = read_html(manager.get("/ecoles/?text=pagnol"))
    for twin in twins:
        assert f'<span class="text-secondary">UAI {twin.uai}</span>' in page
    assert f'">UAI {schools["Rien"].uai}<' not in read_html(manager.get("/ecoles/"))


def test_a_school_leads_back_to_the_list_as_it_was_filtered(schools, manager):
    page = manager.get("/ecoles/?licences=dormant&text=attend").content.decode()
    link = re.search(rf'href="(/ecoles/{schools["Attend"].uai}/[^"]*)"', page)[1]
    page = read_html(manager.get(link))
    assert 'href="/ecoles/?licences=dormant&text=attend">Revenir à la liste' in page
    assert 'href="/ecoles/">Toutes les écoles' in read_html(manager.get(f"/ecoles/{schools['Attend'].uai}/"))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "ecoles"),
        ("licences=dormant&sort=-units", "ecoles-cle-non-activee"),
        ("licences=none&contact=without&text=École ../x", "ecoles-sans-licence-sans-contact-ecole-x"),
    ],
)
def test_the_export_s_name_says_what_is_filtered(schools, manager, query, name):
    disposition = manager.get(f"/ecoles/export.xlsx?{query}")["Content-Disposition"]
    assert re.fullmatch(rf'attachment; filename="{name}-\d{{4}}-\d\d-\d\d\.xlsx"', disposition), disposition


def read_export(manager):
    content = manager.get("/ecoles/export.xlsx").content
    titles, *rows = openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)
    return {row[1]: dict(zip(titles, row, strict=True)) for row in rows}


def test_the_export_says_when_keys_were_sent_and_schools_reminded(schools, manager):
    waiting = Allocation.objects.get(school=schools["Attend"])
    sent, reminded = (datetime.datetime(2026, 11, day, 12, tzinfo=datetime.UTC) for day in (3, 20))
    Message.objects.filter(topic_id=waiting.pk).update(sent_at=sent, state=MessageState.DELIVERED)
    letter = Message.objects.get(topic_id=waiting.pk)
    letter.pk, letter.kind, letter.state, letter.sent_at = None, "key_reminder", MessageState.SENT, reminded
    letter.save()
    found = read_export(manager)
    titles = ("Envoyée le", "Dernière relance", "Dernier e-mail")
    attend = [found["École Attend"][title] for title in titles]
    assert [attend[0].date(), attend[1].date(), attend[2]] == [sent.date(), reminded.date(), "Envoyé"]
    assert [found["École Perdue"][title] for title in titles] == [None, None, "Rejeté"]
    assert [found["École Rien"][title] or "" for title in titles] == ["", "", ""]


@pytest.mark.parametrize("count", [1, 20])
def test_the_export_asks_as_much_for_one_school_as_for_twenty(pool, manager, count, django_assert_num_queries):
    for number in range(count):
        allocate_units(pool, add_school(f"École {number}"), units=3, at=NOW)
    mark_sent()
    manager.get("/ecoles/export.xlsx")
    with django_assert_num_queries(15):
        manager.get("/ecoles/export.xlsx")
