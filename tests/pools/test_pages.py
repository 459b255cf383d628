"""The office's pages of pools and allocations."""

import datetime
import io

import openpyxl
import pytest

from collectivities.capabilities import Role
from collectivities.models import AuditEntry
from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools.checks import Demand
from licensing.pools.models import RESTORABLE_FOR, Allocation
from licensing.pools.operations import allocate_many
from licensing.pools.reductions import revoke
from mailing.models import Message, MessageState
from schools.models import School
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent

pytestmark = pytest.mark.slow


def text(answer):
    return answer.content.decode()


def test_lots_say_where_each_licence_is(pool, viewer, now):
    allocate_units(pool, SchoolFactory(), units=3, at=now)
    mark_redeemed(allocate_units(pool, SchoolFactory(), units=2, at=now), PrincipalFactory())
    page = text(viewer.get("/lots/"))
    words = "100 licences achetées : 95 libres ; 3 non activées ; 2 activées, non utilisées ; 0 utilisée"
    assert words in page.replace("\u00a0", " ")
    assert "2 écoles servies, dont 1 a activé" in page
    assert "style=" not in page


@pytest.mark.small
def test_no_lot_says_what_to_do(nimes, viewer):
    assert "Aucun lot" in text(viewer.get("/lots/"))


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_asks_as_much_for_one_as_for_thirty(pool, manager, now, count, django_assert_num_queries):
    for _ in range(count):
        mark_redeemed(allocate_units(pool, SchoolFactory(), units=1, at=now), PrincipalFactory())
    manager.get("/attributions/")
    with django_assert_num_queries(16):
        manager.get("/attributions/")
    # Nine, and five of reminders.
    with django_assert_num_queries(12):
        manager.get("/lots/")


def test_filters(pool, manager, now):
    old = now - datetime.timedelta(days=16)
    Entitlement.objects.update(first_day=old.date())
    dormant = allocate_units(pool, SchoolFactory(name="Ecole Zola", commune="Alès"), units=1, at=old)
    Message.objects.update(state=MessageState.SENT, sent_at=old)
    used = allocate_units(pool, SchoolFactory(name="École Hugo"), units=1, at=now)
    lost = allocate_units(pool, SchoolFactory(name="École Prévert"), units=1, at=now)
    Message.objects.filter(topic_id=lost.pk).update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    mark_redeemed(used, PrincipalFactory())
    gone = allocate_units(pool, SchoolFactory(name="École Perdue"), units=1, at=now)
    manager.post("/attributions/actions/", {"action": "reprendre", "ids": gone.pk, "confirmed": "1"})
    names = {"École Zola": dormant, "École Hugo": used, "École Prévert": lost, "École Perdue": gone}

    def shown(query):
        page = text(manager.get(f"/attributions/?{query}"))
        return {name for name in names if f">{name}</a>" in page}

    assert shown("") == {"École Zola", "École Hugo", "École Prévert"}
    assert shown("state=dormant") == {"École Zola"}
    assert shown("situation=undelivered") == shown("state=lost") == {"École Prévert"}
    assert shown("situation=redeemed") == shown("state=redeemed") == {"École Hugo"}
    assert shown("situation=issued") == shown("state=issued") == {"École Zola", "École Prévert"}
    assert shown("situation=revoked") == {"École Perdue"}
    assert shown("situation=redeemed&state=lost") == {"École Hugo"}
    assert shown("commune=Al%C3%A8s") == {"École Zola"}
    assert shown("q=zola ALES") == {"École Zola"}
    assert shown(f"q={used.school_id.lower()}") == {"École Hugo"}
    assert shown(f"q={lost.recipient}") == {"École Prévert"}
    assert shown(f"pool={pool.pk}&sort=school") == {"École Zola", "École Hugo", "École Prévert"}
    assert shown("q=introuvable") == set()


def test_allocating_without_scripts(pool, manager, now):
    school = SchoolFactory(name="Ecole Jean Jaurès", commune="Nîmes")
    PortfolioSchoolFactory(school=school, contact_email="contact@exemple.example")
    assert f"?ecole={school.uai}" in text(manager.get("/attributions/attribuer/?q=jean jaures"))
    page = text(manager.get(f"/attributions/attribuer/?ecole={school.uai}"))
    assert 'value="contact@exemple.example"' in page
    answer = manager.post(
        f"/attributions/attribuer/?ecole={school.uai}",
        {"pool": pool.pk, "units": 3, "recipient": "contact@exemple.example", "send_on": ""},
        follow=True,
    )
    assert "3\u00a0licences attribuées à l’École Jean Jaurès" in text(answer)
    assert Allocation.objects.get().units == 3


def test_a_refusal_is_shown_on_the_form_and_keeps_the_input(pool, manager):
    school = SchoolFactory()
    answer = manager.post(
        f"/attributions/attribuer/?ecole={school.uai}",
        {"pool": pool.pk, "units": 101, "recipient": "autre@exemple.example"},
    )
    assert answer.status_code == 409
    assert "plus que 100\u00a0licences libres" in text(answer)
    assert "autre@exemple.example" in text(answer)
    assert not Allocation.objects.exists()


def test_a_lot_of_another_collectivity_is_no_choice(pool, gard, manager, now):
    other = orders.grant(collectivity=gard, licences=5, reason="Essai", by=None, at=now)
    answer = manager.post(
        f"/attributions/attribuer/?ecole={SchoolFactory().uai}",
        {"pool": other.pk + 1000, "units": 1, "recipient": "a@exemple.example"},
    )
    assert answer.status_code == 422


def test_bulk_asks_before_it_acts(pool, manager, now):
    given = [allocate_units(pool, SchoolFactory(), units=1, at=now) for _ in range(3)]
    ids = [allocation.pk for allocation in given[:2]]
    confirmation = manager.post("/attributions/actions/", {"action": "reprendre", "ids": ids, "scope": ""})
    assert "2\u00a0écoles\u00a0: 2\u00a0licences reviennent au lot «\u00a0Lot A\u00a0»" in text(confirmation)
    assert Allocation.objects.active().count() == 3
    done = manager.post("/attributions/actions/", {"action": "reprendre", "ids": ids, "confirmed": "2"}, follow=True)
    assert "2\u00a0attributions reprises" in text(done)
    assert Allocation.objects.active().get() == given[2]


def test_what_was_taken_back_at_once_is_undone_at_once_from_the_list(pool, manager, now):
    given = [allocate_units(pool, SchoolFactory(), units=2, at=now) for _ in range(3)]
    ids = [allocation.pk for allocation in given[:2]]
    page = text(
        manager.post("/attributions/actions/", {"action": "reprendre", "ids": ids, "confirmed": "4"}, follow=True)
    )
    assert "2 attributions reprises" in " ".join(page.split())
    moment = Allocation.objects.get(pk=ids[0]).revoked_at
    assert f'name="revoked_at" value="{moment.isoformat()}"' in page
    undo = {"revoked_at": moment.isoformat(), "query": "commune=Nîmes"}
    answer = manager.post("/attributions/annuler-une-reprise/", undo, follow=True)
    assert answer.redirect_chain == [("/attributions/?commune=N%C3%AEmes", 302)]
    assert "2\u00a0reprises annulées" in text(answer)
    assert "revoked_at" not in text(answer)
    assert Allocation.objects.active().count() == 3
    again = manager.post("/attributions/annuler-une-reprise/", undo, follow=True)
    assert "déjà été annulée" in text(again)
    assert manager.post("/attributions/annuler-une-reprise/", {"revoked_at": "hier"}).status_code == 400


def test_a_revocation_is_undone_from_the_page_of_its_allocation_for_an_hour(pool, manager, viewer, now):
    allocation = allocate_units(pool, SchoolFactory(), units=2, at=now)
    revoke(allocation_id=allocation.pk, by=None, at=now)
    page, undo = f"/attributions/{allocation.pk}/", f"/attributions/{allocation.pk}/annuler-la-reprise/"
    assert undo in text(manager.get(page))
    assert undo not in text(viewer.get(page))
    assert viewer.post(undo).status_code == 403
    assert "revoked_at" not in text(viewer.get("/attributions/"))
    assert "la clé vaut de nouveau ses licences" in text(manager.post(undo, follow=True))
    revoke(allocation_id=allocation.pk, by=None, at=now - RESTORABLE_FOR)
    assert undo not in text(manager.get(page))
    assert "revoked_at" not in text(manager.get("/attributions/"))
    assert "s’annule pendant une heure" in text(manager.post(undo, follow=True))
    assert Allocation.objects.get().revoked_at is not None


def test_a_bulk_action_comes_back_to_the_home_page_where_it_was_asked_there(pool, manager, now):
    allocation = allocate_units(pool, SchoolFactory(), units=1, at=now)
    mark_sent()
    data = {"ids": [allocation.pk], "action": "relancer", "origin": "home"}
    asked = text(manager.post("/attributions/actions/", data))
    assert 'name="origin" value="home"' in asked
    assert 'href="/">Ne rien faire</a>' in asked
    done = manager.post("/attributions/actions/", {**data, "confirmed": "1"})
    assert (done.status_code, done.url) == (302, "/")
    assert "1\u00a0école relancée" in text(manager.get("/"))
    elsewhere = manager.post("/attributions/actions/", {**data, "confirmed": "0", "origin": "//exemple.example"})
    assert elsewhere.url == "/attributions/?"


def test_bulk_over_the_whole_list(pool, manager, now):
    for _ in range(3):
        allocate_units(pool, SchoolFactory(), units=1, at=now)
    mark_sent()
    confirmation = manager.post(
        "/attributions/actions/", {"action": "relancer", "scope": "filter", "query": "state=issued"}
    )
    assert "3\u00a0écoles, 3\u00a0licences\u00a0: un rappel part" in text(confirmation)
    assert '<input type="hidden" name="scope" value="filter">' in text(confirmation)
    done = manager.post(
        "/attributions/actions/",
        {"action": "relancer", "scope": "filter", "query": "state=issued", "confirmed": "3"},
        follow=True,
    )
    assert "3\u00a0écoles relancées" in text(done)
    again = manager.post(
        "/attributions/actions/", {"action": "relancer", "scope": "filter", "query": "", "confirmed": "0"}, follow=True
    )
    assert "3\u00a0attributions laissées telles quelles" in text(again)
    nothing = manager.post("/attributions/actions/", {"action": "relancer", "scope": ""}, follow=True)
    assert "Cochez au moins une attribution" in text(nothing)


def test_a_key_is_shown_after_confirmation_and_recorded(pool, manager, now):
    allocation = allocate_units(pool, SchoolFactory(), units=1, at=now)
    code = unseal_key(allocation.key)
    for page in ("/attributions/", f"/attributions/{allocation.pk}/"):
        assert code not in text(manager.get(page))
    assert code not in text(manager.post(f"/attributions/{allocation.pk}/cle/"))
    assert not AuditEntry.objects.filter(action="keys.revealed").exists()
    shown = manager.post(f"/attributions/{allocation.pk}/cle/", {"confirmed": "1"})
    assert code in text(shown)
    assert "no-store" in shown["Cache-Control"]
    assert AuditEntry.objects.filter(action="keys.revealed").count() == 1


def test_the_address_is_corrected_and_the_key_sent_again(pool, manager, now):
    allocation = allocate_units(pool, SchoolFactory(), units=1, at=now)
    answer = manager.post(f"/attributions/{allocation.pk}/renvoyer/", {"recipient": "b@exemple.example"}, follow=True)
    assert "La même clé part pour b@exemple.example" in text(answer)
    answer = manager.post(f"/attributions/{allocation.pk}/renvoyer/", {"recipient": "b@"}, follow=True)
    assert "pas valable" in text(answer)


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        ({"recipient": "b@exemple.example", "keep": "on"}, "b@exemple.example"),
        ({"recipient": "b@exemple.example"}, ""),
        ({"recipient": "a@exemple.example", "keep": "on"}, ""),
    ],
)
def test_a_corrected_address_is_kept_for_the_next_keys_where_it_is_asked(pool, manager, now, form, kept):
    row = PortfolioSchoolFactory(contact_email="")
    allocation = allocate_units(pool, row.school, units=1, recipient="a@exemple.example", at=now)
    answer = manager.post(f"/attributions/{allocation.pk}/renvoyer/", form, follow=True)
    row.refresh_from_db()
    assert (row.contact_email, "Les prochaines y partiront aussi" in text(answer)) == (kept, bool(kept))


def test_only_a_buyer_is_offered_to_buy(pool, member, office, viewer):
    assert "Acheter des licences" in text(office("nimes", member(Role.BUYER)).get("/lots/"))
    assert "Acheter des licences" not in text(viewer.get("/lots/"))


@pytest.mark.small
@pytest.mark.parametrize(("days", "is_past"), [(0, False), (1, True)])
def test_a_lot_is_past_after_its_last_day(pool, viewer, now, days, is_past):
    day = date_in_paris(now)
    Entitlement.objects.update(first_day=day - datetime.timedelta(days=9), last_day=day - datetime.timedelta(days=days))
    page = text(viewer.get("/lots/"))
    assert ("Années passées (1)" in page, page.count("100\u00a0licences achetées")) == (is_past, 1)


def test_a_viewer_sees_counts_and_does_nothing(pool, viewer, now):
    allocation = allocate_units(pool, SchoolFactory(), units=1, at=now)
    page = text(viewer.get("/attributions/"))
    assert allocation.school.name in page
    assert "checkbox" not in page
    assert (
        text(viewer.get(f"/attributions/{allocation.pk}/")).count("<form") == 2
    )  # to sign out, in the bar and in its menu
    for path in (
        "attribuer/",
        "actions/",
        "annuler-une-reprise/",
        f"{allocation.pk}/cle/",
        f"{allocation.pk}/renvoyer/",
    ):
        assert viewer.post(f"/attributions/{path}").status_code == 403
    assert viewer.get("/attributions/attribuer/").status_code == 403


def test_an_empty_list_tells_to_give_only_who_may(pool, manager, viewer):
    assert "attribuez des licences à une école" in text(manager.get("/attributions/"))
    shown = text(viewer.get("/attributions/"))
    assert "Aucune attribution ne répond à ces choix." in shown
    assert "attribuez" not in shown


def test_an_allocation_that_nobody_changed_says_since_when(pool, manager, now):
    demands = [Demand(SchoolFactory().uai, 1, "e@exemple.example")]
    # The rows of the import document it: it has no audit entry of its own.
    allocate_many(pool_id=pool.pk, demands=demands, by=None, at=now, import_id=1)
    shown = text(manager.get(f"/attributions/{Allocation.objects.get().pk}/"))
    assert "Rien encore" not in shown
    assert "Votre bureau n’y a rien changé depuis" in shown


def test_no_teacher_is_named(pool, manager, now):
    teacher = TeacherFactory(first_name="Hildegarde", last_name="Zzyzx")
    subscription = mark_redeemed(allocate_units(pool, SchoolFactory(), units=2, at=now), PrincipalFactory())
    seat = subscription.seats.first()
    seat.holder, seat.held_since, seat.mode = teacher, now, "manual"
    seat.save()
    copy_everywhere()
    allocation = Allocation.objects.get()
    for path in ("/attributions/", f"/attributions/{allocation.pk}/", "/lots/"):
        page = text(manager.get(path))
        assert "Zzyzx" not in page
    assert "1/2" in text(manager.get("/attributions/"))


def test_the_export_holds_no_key_and_computes_nothing(pool, manager, now):
    allocation = allocate_units(pool, SchoolFactory(name="=1+1", commune="@Nîmes"), units=2, at=now)
    answer = manager.get("/attributions/export.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    header, row = sheet.iter_rows()
    assert header[0].value == "UAI"
    assert (row[0].value, row[1].value, row[1].data_type, row[4].value) == (allocation.school_id, "=1+1", "s", 2)
    assert all(cell.data_type != "f" for cell in row)
    code = unseal_key(allocation.key)
    assert code not in " ".join(str(cell.value) for cell in row)


def test_the_form_says_what_an_import_says_of_the_school(pool, manager, now):
    PortfolioSchoolFactory()
    school = SchoolFactory(has_elementary=False)
    allocate_units(PoolFactory(name="Dotation 2026"), school, units=3, at=now)
    page = text(manager.get(f"/attributions/attribuer/?ecole={school.uai}"))
    assert "n’est pas dans votre périmètre" in page
    assert "pas de classe du CP au CM2" in page
    assert "a déjà 3 licences" in page
    assert "Dotation 2026" in page
    known = PortfolioSchoolFactory().school
    page = text(manager.get(f"/attributions/attribuer/?ecole={known.uai}"))
    assert "n’est pas dans votre périmètre" not in page
    assert "seconde clé" not in page


def test_a_second_key_of_another_pool_is_asked_about(pool, manager, now):
    school, other = SchoolFactory(), PoolFactory(name="Dotation 2026")
    allocate_units(other, school, units=3, at=now)
    address = f"/attributions/attribuer/?ecole={school.uai}"
    form = {"pool": pool.pk, "units": 2, "recipient": "a@b.example"}
    answer = manager.post(address, form)
    assert answer.status_code == 422
    assert "a déjà 3 licences du lot « Dotation 2026 »" in text(answer).replace("\u00a0", " ")
    assert 'name="second_key"' in text(answer)
    assert Allocation.objects.count() == 1
    manager.post(address, form | {"pool": other.pk})
    assert Allocation.objects.get().units == 5
    manager.post(address, form | {"second_key": "on"})
    assert set(Allocation.objects.values_list("pool_id", "units")) == {(pool.pk, 2), (other.pk, 5)}


def test_more_licences_than_classes_are_asked_about_before_the_key_leaves(pool, manager, now):
    school = PortfolioSchoolFactory(classes=5).school
    address = f"/attributions/attribuer/?ecole={school.pk}"
    form = manager.get(address).context["form"]
    assert (form["units"].value(), "beyond_classes" in form.fields) == (5, False)
    typed = {"pool": pool.pk, "units": "8", "recipient": "ecole@exemple.example"}
    refused = manager.post(address, typed)
    assert "8 licences pour 5 classes" in refused.content.decode().replace("\u00a0", " ")
    assert not Allocation.objects.exists()
    manager.post(address, typed | {"beyond_classes": "on"})
    assert Allocation.objects.get().units == 8


def test_the_list_says_its_licences(pool, manager, now):
    for units in (2, 3):
        allocate_units(pool, SchoolFactory(), units=units, at=now)
    for query in ("", "?situation=scheduled"):
        shown = " ".join(manager.get(f"/attributions/{query}").content.decode().split())
        assert "2 attributions, 5 licences." in shown


def test_licences_of_another_year_ask_for_no_second_key(pool, manager, now):
    school, other = SchoolFactory(), PoolFactory()
    allocate_units(other, school, units=3, at=now)
    Entitlement.objects.filter(pk=other.entitlement_id).update(last_day=datetime.date(2028, 8, 31))
    address = f"/attributions/attribuer/?ecole={school.uai}"
    manager.post(address, {"pool": pool.pk, "units": 2, "recipient": "a@b.example"})
    assert Allocation.objects.filter(pool=pool).exists()


@pytest.mark.small
def test_before_a_search_the_portfolio_s_schools_without_licences_can_be_chosen(manager, pool, now):
    served, waiting, closed = (PortfolioSchoolFactory().school for _ in range(3))
    School.objects.filter(pk=closed.pk).update(state="closed", closed_at=now)
    allocate_units(pool, served, at=now)
    page = text(manager.get("/attributions/attribuer/"))
    assert "Vos écoles sans licence (1)" in page
    assert [f"?ecole={one.uai}" in page for one in (served, waiting, closed)] == [False, True, False]


def test_the_portfolio_s_schools_are_found_first_and_marked(manager, pool):
    SchoolFactory.create_batch(20, name="Ecole Victor Hugo", commune="Agde")
    own = SchoolFactory(name="Ecole Victor Hugo", commune="Uzès")
    PortfolioSchoolFactory(school=own)
    first, *others = text(manager.get("/attributions/attribuer/?q=victor hugo")).split("?ecole=")[1:]
    assert first.startswith(own.uai)
    assert len(others) == 19
    assert not any("Dans votre liste" in other for other in others)
