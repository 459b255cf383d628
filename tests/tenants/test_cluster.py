"""A database of several machines: where things stand, moving an office, and one server that is no cluster."""

import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django_tenants.utils import schema_context

from collectivities.models import Invitation, Member, PortfolioSchool
from core.connections import connection
from schools.models import School
from tenants import cluster, lock_timeouts, tasks
from tests import cluster as test_cluster
from tests.cluster import one_server
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.races import open_transaction
from tests.tenants.opening import open_tenant
from tests.waiting_jobs import list_waiting_jobs
from tests.waits import wait_until

ALES = {"name": "Ville d'Alès", "kind": "commune", "siren": "213000078"}


def distribute():
    out = io.StringIO()
    call_command("distribute", stdout=out)
    return out.getvalue()


def move(slug, node):
    call_command("move_office", slug, str(node), stdout=io.StringIO())


# --- One server -------------------------------------------------------------------------------------------------------


@one_server
@pytest.mark.as_owner
def test_on_one_server_nothing_is_distributed_and_no_office_moves(nimes):
    assert distribute() == "Cette base n'est pas répartie : rien à faire.\n"
    with pytest.raises(CommandError, match="qu'un serveur"):
        move("nimes", "10.0.0.2")


@one_server
def test_on_one_server_an_opening_queues_no_placing(db):
    ales = open_tenant(at=TERM, **ALES)
    assert not list_waiting_jobs(cluster.PLACE, schema=ales.schema_name)
    assert cluster.place(ales.schema_name) is False


# --- A cluster --------------------------------------------------------------------------------------------------------


@pytest.mark.citus
@pytest.mark.as_owner
def test_offices_stand_on_nodes_and_the_directory_on_every_one(nimes):
    nodes = cluster.list_nodes()
    assert {cluster.get_node("c_nimes"), cluster.get_node("c_gard")} <= set(nodes)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_dist_shard JOIN pg_dist_placement USING (shardid)"
            " WHERE logicalrelid = 'public.schools_school'::regclass"
        )
        # The coordinator has a copy of its own.
        assert cursor.fetchone() == (len(nodes) + 1,)
        cursor.execute("SELECT logicalrelid::text FROM pg_dist_partition WHERE partmethod = 'n' AND repmodel <> 's'")
        assert cursor.fetchall() == [("schools_school",)]
    assert distribute() == "Mises en place : 0\u00a0table, 0\u00a0collectivité.\n"


@pytest.fixture
def ales(committing):
    """An office that is on no node yet."""
    with schema_context("public"):
        opened = open_tenant(at=TERM, **ALES)
    yield opened
    connection.set_schema_to_public()
    with test_cluster.connect(test_cluster.list_nodes()[0], connection.settings_dict["NAME"]) as administrator:
        administrator.execute("DROP SCHEMA c_ales CASCADE")
        administrator.execute("DELETE FROM tenants_domain WHERE tenant_id = %s", [opened.pk])
        administrator.execute("DELETE FROM tenants_collectivity WHERE id = %s", [opened.pk])


@pytest.mark.citus
def test_a_new_office_is_placed_by_a_job(ales):
    assert len(list_waiting_jobs(cluster.PLACE, schema="c_ales")) == 1
    assert cluster.get_node("c_ales") is None
    with schema_context("c_ales"):
        PortfolioSchoolFactory()
        tasks.place()
        assert cluster.get_node("c_ales") in cluster.list_nodes()
        assert PortfolioSchool.objects.count() == 1
        tasks.place()


@pytest.mark.citus
def test_who_has_read_a_table_may_lock_it_while_its_office_waits_to_be_placed(ales):
    def place():
        try:
            with schema_context("c_ales"):
                tasks.place()
        finally:
            connection.close()

    def is_waiting():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted"
                " AND relation = 'c_ales.collectivities_invitation'::regclass)"
            )
            return cursor.fetchone()[0]

    placing = threading.Thread(target=place)
    with schema_context("c_ales"):
        with transaction.atomic(), connection.cursor() as cursor:
            assert not Invitation.objects.exists()
            placing.start()
            wait_until(is_waiting)
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
            Invitation.objects.lock_table()
        placing.join()
        assert cluster.get_node("c_ales") in cluster.list_nodes()


@pytest.mark.citus
def test_a_row_that_is_locked_in_a_join_with_the_coordinator_is_locked(committing):
    member = MemberFactory()

    def hold():
        Member.objects.select_related("user").select_for_update(of=("self",)).get(pk=member.pk)

    with open_transaction("c_nimes", hold), transaction.atomic():
        assert not Member.objects.select_for_update(skip_locked=True).filter(pk=member.pk)


@pytest.mark.citus
@pytest.mark.as_owner
def test_a_move_is_refused_in_plain_words(nimes):
    here = cluster.get_node("c_nimes")
    for slug, node, words in (
        ("nulle-part", here, "Aucune collectivité n'a l'adresse « nulle-part »"),
        ("nimes", "10.9.9.9", "Aucun nœud ne répond au nom « 10.9.9.9 », ou plusieurs. Nœuds connus : "),
        ("nimes", here, f"est déjà sur {here}"),
    ):
        with pytest.raises(CommandError, match=words):
            move(slug, node)


@pytest.mark.citus
def test_a_moved_office_keeps_its_rows_and_its_numbers(committing):
    entry = PortfolioSchoolFactory()
    before = cluster.get_node("c_nimes")
    [after] = [node for node in cluster.list_nodes() if node != before]
    move("nimes", after)
    try:
        assert cluster.get_node("c_nimes") == after
        assert PortfolioSchool.objects.get() == entry
        assert PortfolioSchoolFactory().pk == entry.pk + 1
        assert PortfolioSchool.objects.select_related("school").count() == School.objects.count() == 2
    finally:
        move("nimes", before)


@pytest.mark.citus
def test_a_lock_timeout_reaches_the_node(committing, monkeypatch):
    monkeypatch.setattr(lock_timeouts, "LOCK_TIMEOUT", 100)
    monkeypatch.setattr(lock_timeouts, "RETRY_DELAYS", ())
    entry = PortfolioSchoolFactory(school=SchoolFactory())
    hold = PortfolioSchool.objects.select_for_update().filter(pk=entry.pk).get
    with open_transaction("c_nimes", hold), pytest.raises(lock_timeouts.LockUnavailable):
        lock_timeouts.retry_on_lock(lambda: PortfolioSchool.objects.filter(pk=entry.pk).update(classes=3))
    lock_timeouts.retry_on_lock(lambda: PortfolioSchool.objects.filter(pk=entry.pk).update(classes=4))
    assert PortfolioSchool.objects.get().classes == 4
