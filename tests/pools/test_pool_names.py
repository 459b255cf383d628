"""A collectivity names its pools."""

import pytest

from collectivities.capabilities import Role
from collectivities.journal import describe_action
from collectivities.models import AuditEntry
from licensing.pools.models import Pool
from licensing.pools.operations import rename_pool
from tests.factories.licensing import PoolFactory
from tests.refusals import refuses


@pytest.mark.slow
def test_a_manager_or_a_buyer_renames_a_pool_and_the_journal_says_so(pool, manager, member, office):
    answer = manager.post(f"/lots/{pool.pk}/renommer/", {"name": "  Écoles \u00a0 du\tcentre "}, follow=True)
    assert "« Lot A » s’appelle maintenant « Écoles du centre »" in answer.content.decode().replace("\u00a0", " ")
    assert Pool.objects.get().name == "Écoles du centre"
    entry = AuditEntry.objects.get(action="pools.renamed")
    assert (entry.summary, entry.object_type, entry.object_id) == (
        "Lot « Lot A » renommé « Écoles du centre ».",
        "pool",
        pool.pk,
    )
    assert describe_action("pools.renamed") == "Lots renommés"
    office("nimes", member(Role.BUYER)).post(f"/lots/{pool.pk}/renommer/", {"name": "Lot B"})
    assert Pool.objects.get().name == "Lot B"


def test_the_same_name_is_no_event(pool, now):
    rename_pool(pool_id=pool.pk, name="Lot A", by=None, at=now)
    assert not AuditEntry.objects.filter(action="pools.renamed").exists()


@pytest.mark.parametrize(
    ("name", "reason"), [("", "Donnez un nom"), (" \t\x00", "Donnez un nom"), ("a" * 121, "120 caractères au plus"),
                         ("LOT B", "Un autre lot s'appelle « LOT B »")]
)  # fmt: skip
def test_a_name_that_would_not_do_is_refused(pool, now, name, reason):
    PoolFactory(name="Lot B")
    with refuses("invalid_pool_name", match=reason):
        rename_pool(pool_id=pool.pk, name=name, by=None, at=now)
    assert Pool.objects.get(pk=pool.pk).name == "Lot A"


def test_a_name_of_120_letters_fits(pool, now):
    assert rename_pool(pool_id=pool.pk, name="é" * 120, by=None, at=now).name == "é" * 120


def test_an_unknown_pool_is_refused(pool, now):
    with refuses("unknown_pool"):
        rename_pool(pool_id=pool.pk + 1, name="Lot B", by=None, at=now)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DATA_OFFICER])
def test_other_members_rename_nothing(pool, member, office, role):
    browser = office("nimes", member(role))
    assert "Renommer" not in browser.get("/lots/").content.decode()
    assert browser.post(f"/lots/{pool.pk}/renommer/", {"name": "Lot B"}).status_code == 403
    assert Pool.objects.get().name == "Lot A"


@pytest.mark.slow
def test_a_refused_name_is_explained_on_the_page_of_lots(pool, manager):
    answer = manager.post(f"/lots/{pool.pk}/renommer/", {"name": " "}, follow=True)
    assert "Donnez un nom au lot" in answer.content.decode().replace("\u00a0", " ")


def test_lots_are_a_tab_of_purchases(pool, manager):
    page = manager.get("/lots/").content.decode()
    tabs = page[page.index('class="section-tabs"') :]
    assert 'aria-label="Achats"' in tabs[:120]
    assert '<a href="/lots/" aria-current="page"' in " ".join(tabs[: tabs.index("</nav>")].split())
