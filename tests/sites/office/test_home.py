"""The office's home page and a school's timeline."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from collectivities.models import AuditEntry
from imports.enums import ImportState
from imports.models import ImportRow, SpreadsheetImport
from licensing.entitlements.models import Entitlement
from licensing.entitlements.queries import unseal_key
from licensing.orders import operations as orders
from licensing.pools.operations import Demand, allocate_many, revoke
from mailing.models import Message, MessageState
from sites.office.territory import GRID_SIZE, HEIGHT, WIDTH, build_map
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed

NOW = timezone.now()
SOME = {"latitude": 43.8, "longitude": 4.3}


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=20, reason="Essai", name="Lot A", by=None, at=NOW)


@pytest.fixture
def viewer(nimes, office):
    user = UserFactory()
    MemberFactory(user=user, roles=["viewer"])
    return office("nimes", user)


def page(client, path="/"):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_office_without_a_pool_sees_the_next_steps(nimes, viewer):
    assert "Aucun lot de licences n’est ouvert" in page(viewer)
    assert "Un acheteur de votre collectivité peut en commander un" in page(viewer)


def test_a_buyer_of_an_office_without_a_pool_is_sent_to_the_prices(nimes, office):
    assert 'href="/achats/nouveau/"' in page(office("nimes", MemberFactory(roles=["buyer"]).user))


def test_the_four_counters_add_up_to_the_licences_bought(pool, viewer):
    allocate_units(pool, SchoolFactory(), units=3, at=NOW)
    subscription = mark_redeemed(allocate_units(pool, SchoolFactory(), units=4, at=NOW), PrincipalFactory())
    seat = subscription.seats.first()
    seat.holder, seat.held_since, seat.mode = TeacherFactory(last_name="Zzyzx"), NOW, "manual"
    seat.save()
    shown = page(viewer)
    assert "20\u00a0licences achetées : 13 libres, 3 envoyées, 3 activées, libres, 1 attribuées" in shown
    assert "Rien n’attend de vous" in shown
    assert "Zzyzx" not in shown
    assert "style=" not in shown


def test_pending_work_comes_first(pool, viewer):
    allocate_units(pool, SchoolFactory(), units=9, at=NOW)
    long_ago = NOW - datetime.timedelta(days=16)
    Entitlement.objects.update(first_day=long_ago.date())
    Message.objects.update(state=MessageState.SENT, sent_at=long_ago)
    lost = allocate_units(pool, SchoolFactory(), units=10, at=NOW)
    Message.objects.filter(topic_id=lost.pk).update(state=MessageState.FAILED, reason="Boîte inconnue.")
    shown = page(viewer)
    assert "1\u00a0clé n’est pas activée 15 jours après son envoi." in shown
    assert "1\u00a0e-mail n’est pas arrivé à son école." in shown
    assert "Le lot «\u00a0Lot A\u00a0» n’a plus que 1\u00a0licence libre." in shown
    assert shown.index("À faire") < shown.index("position-bar")


@pytest.mark.parametrize("count", [1, 25])
def test_the_home_page_takes_a_constant_number_of_queries(pool, viewer, count, django_assert_num_queries):
    big = orders.grant(collectivity=pool.entitlement.collectivity, licences=50, reason="Essai", by=None, at=NOW)
    for _ in range(count):
        allocate_units(big, SchoolFactory(**SOME), units=1, at=NOW)
        PortfolioSchoolFactory(school=SchoolFactory(**SOME))
    page(viewer)
    with django_assert_num_queries(15):
        page(viewer)


def test_the_map_and_its_table_agree(pool, viewer):
    allocate_units(pool, SchoolFactory(latitude=43.8, longitude=4.3), units=1, at=NOW)
    mark_redeemed(
        allocate_units(pool, SchoolFactory(latitude=44.1, longitude=4.0), units=1, at=NOW), PrincipalFactory()
    )
    PortfolioSchoolFactory(school=SchoolFactory(latitude=43.6, longitude=4.1))
    allocate_units(pool, SchoolFactory(), units=1, at=NOW)
    shown = page(viewer)
    map_ = shown[shown.index('class="map"') : shown.index("Écoles par état")]
    assert [map_.count(f"dot-{state}") for state in ("none", "issued", "redeemed", "held")] == [1, 1, 1, 0]
    assert "1 école sans coordonnées" in shown


def test_dots_stay_inside_the_map_and_near_ones_are_merged():
    drawn = build_map([("none", 43.0 + n / 5000, 4.0 + n / 5000) for n in range(5000)] + [("held", None, None)])
    assert len(drawn.dots) < (WIDTH // GRID_SIZE) * 3
    assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in drawn.dots)
    assert (drawn.total, drawn.unplaced) == (5001, 1)


def test_a_single_school_is_drawn_in_the_middle():
    (dot,) = build_map([("held", 48.8, 2.3)]).dots
    assert abs(dot.x - WIDTH / 2) < GRID_SIZE
    assert abs(dot.y - HEIGHT / 2) < GRID_SIZE


def test_an_import_to_check_is_listed(pool, viewer):
    SpreadsheetImport.objects.create(
        pool=pool, filename="ecoles.xlsx", size=1, sha256="0" * 64, state=ImportState.CHECKED, created_at=NOW
    )
    assert "1\u00a0tableau attend votre vérification" in page(viewer)


def test_schools_new_in_the_directory_are_listed(pool, viewer):
    table = SpreadsheetImport.objects.create(
        pool=pool, filename="a.csv", size=1, state=ImportState.APPLIED, created_at=NOW, applied_at=NOW
    )
    school = SchoolFactory()
    ImportRow.objects.create(import_id=table.pk, number=2, uai=school.uai, verdict="error", awaited=True)
    shown = page(viewer)
    assert "1\u00a0école attendue est maintenant dans" in shown
    assert "Reprendre pour vérification" in shown


def test_the_timeline_of_a_school_is_in_order(pool, viewer, django_assert_num_queries):
    school = SchoolFactory(name="Ecole Jean Jaurès")
    PortfolioSchoolFactory(school=school, contact_name="Mme Martin", contact_email="martin@exemple.example")
    allocation = allocate_units(pool, school, units=3, at=NOW - datetime.timedelta(days=2))
    revoke(allocation_id=allocation.pk, by=None, at=NOW - datetime.timedelta(days=1))
    allocate_units(pool, school, units=1, at=NOW)
    shown = page(viewer, f"/ecoles/{school.uai}/")
    for words in ("École Jean Jaurès", "Mme Martin", school.email, "Clé d’activation, pour"):
        assert words in shown
    story = shown[shown.index("Son histoire") :]
    assert story.index("1\u00a0licence attribuée") < story.index("reprises") < story.index("3\u00a0licences attribuées")
    assert unseal_key(allocation.key) not in shown
    assert AuditEntry.objects.filter(school_id=school.uai).count() == 3
    with django_assert_num_queries(12):
        page(viewer, f"/ecoles/{school.uai}/")


def test_a_school_that_does_not_exist_is_a_404(nimes, viewer):
    assert viewer.get("/ecoles/0300001X/").status_code == 404


def test_a_bulk_update_does_not_bury_the_other_events(pool, viewer):
    demands = [Demand(uai=SchoolFactory().uai, units=1, recipient=f"ecole{n}@exemple.example") for n in range(12)]
    allocate_units(pool, SchoolFactory(name="École Seule"), units=1, at=NOW)
    allocate_many(pool_id=pool.pk, demands=demands, by=None, at=NOW)
    shown = page(viewer)
    assert "École Seule" in shown
    assert "ecole3@exemple.example" not in shown
