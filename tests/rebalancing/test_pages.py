"""« Rééquilibrer » in the office: propose, check, apply by the number, undo; hostile values."""

import datetime
import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from licensing.entitlements.queries import get_school_year
from licensing.plans.rebalancing.models import Rebalancing
from licensing.requests.school_requests.models import LicenceRequest
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.rebalancing.unbalanced_pool import UnbalancedPool
from tests.tiers import sampled

pytestmark = pytest.mark.slow

LIST = "/distribuer/reequilibrer/"


def read(answer):
    return re.sub(r"\s+", " ", answer.content.decode().replace("\xa0", " ").replace("&nbsp;", " "))


@pytest.fixture
def lot(nimes):
    return UnbalancedPool(nimes, at=timezone.now() - datetime.timedelta(days=40))


@pytest.fixture
def manager(nimes, office):
    member = MemberFactory(user=UserFactory(), roles=[Role.MANAGER])
    return office("nimes", member.user)


@pytest.fixture
def address(lot):
    return f"{LIST}{lot.pool.pk}/"


def form_of(lot, taken=1, given=1, **more):
    return {f"prendre-{lot.zola.pk}": str(taken), f"donner-{lot.jaures.school.pk}": str(given)} | more


def ask(lot, units, **fields):
    """Return the request of Jaurès for licences of the lot's year, whatever day it is."""
    request = lot.ask(units, of=lot.jaures, **fields)
    LicenceRequest.objects.update(school_year=get_school_year(lot.pool.entitlement.last_day))
    return request


def apply(manager, address, form):
    """Check, then apply what is shown."""
    page = manager.post(address, form | {"acte": "verifier"}).content.decode()
    shown = re.search(r'name="empreinte" value="(\w+)"', page)[1]
    return manager.post(address, form | {"acte": "appliquer", "empreinte": shown})


def test_the_proposal_is_a_list_of_numbers_to_edit(manager, lot, address):
    lots = read(manager.get(LIST))
    assert address in lots
    assert re.search(r'data-label="Activées, non utilisées" class="number"> ?4 ?<', lots)
    page = read(manager.get(address))
    assert "École Zola" in page
    assert "ses 2 licences sont utilisées" in page
    assert "4 licences inutilisées" in page
    assert "Ce qui va se passer" not in page


def test_where_free_licences_suffice_the_plan_says_that_it_takes_none(manager, nimes):
    words = "Les licences libres du lot suffisent : rien n’est proposé ici."
    lot = UnbalancedPool(nimes, licences=40, at=timezone.now() - datetime.timedelta(days=40))
    assert words in read(manager.get(f"{LIST}{lot.pool.pk}/"))
    scarce = UnbalancedPool(nimes, at=timezone.now() - datetime.timedelta(days=40))
    assert words not in read(manager.get(f"{LIST}{scarce.pool.pk}/"))


def test_a_plan_is_checked_then_applied_then_undone(manager, lot, address):
    checked = read(manager.post(address, form_of(lot, acte="verifier")))
    assert "1 licence d’une clé non activée revient au lot" in checked
    assert lot.units() == (0, 10, 2, 4)
    answer = apply(manager, address, form_of(lot))
    assert answer["Location"] == LIST
    assert lot.units() == (0, 9, 3, 4)
    made = Rebalancing.objects.get()
    assert f"{LIST}{made.pk}/annuler/" in read(manager.get(LIST))
    for _ in range(2):
        assert manager.post(f"{LIST}{made.pk}/annuler/").status_code == 302
    assert lot.units() == (0, 10, 2, 4)
    assert "Annulé" in read(manager.get(LIST))


def test_a_school_that_asked_is_shown_with_its_reason_and_answered(manager, lot, address):
    request = ask(lot, 2)
    page = read(manager.get(address))
    assert "a demandé 2 licences : « Deux classes de CE2 ouvrent. » ; ses 2 licences sont utilisées" in page
    form = form_of(lot, 2, 2)
    assert "1 demande est accordée, et sera acceptée dans une heure." in read(
        manager.post(address, form | {"acte": "verifier"})
    )
    apply(manager, address, form)
    page = read(manager.get(LIST))
    assert "1 demande est accordée" in page
    assert "répond à 1 demande" in page
    waiting = read(manager.get("/demandes/"))
    assert "2 licences accordées par un rééquilibrage, que vous pouvez annuler jusqu" in waiting
    assert f'value="{request.pk}"' not in waiting
    assert "attend votre réponse" not in waiting
    school = read(manager.get(f"/ecoles/{lot.jaures.school.pk}/"))
    assert "2 licences accordées par un rééquilibrage" in school
    assert "Répondre" not in school
    form = {"action": "accepter", "demandes": [request.pk], "lot": lot.pool.pk, f"licences-{request.pk}": "2"}
    assert manager.post("/demandes/repondre/", form).status_code == 409
    manager.post(f"{LIST}{Rebalancing.objects.get().pk}/annuler/")
    assert "Les demandes qu’il accordait attendent de nouveau." in read(manager.get(LIST))
    assert "1 école attend votre réponse" in read(manager.get("/demandes/"))


@pytest.mark.parametrize("reason", ["<b>Deux</b> classes", "x" * 400])
def test_what_a_school_wrote_is_shown_as_text_and_shortened(reason, manager, lot, address):
    ask(lot, 2, reason=reason)
    page = read(manager.get(address))
    assert "<b>Deux" not in page
    assert "x" * 200 not in page


def test_asking_alone_moves_nothing(manager, lot, address):
    form = form_of(lot, 0, 0, demander=str(lot.curie.allocation.pk))
    apply(manager, address, form)
    assert "1 école est sollicitée" in read(manager.get(LIST))
    assert not Rebalancing.objects.exists()


def test_a_large_share_is_confirmed_by_its_number(manager, lot, address, nimes):
    for _ in range(5):
        lot.pool.refresh_from_db()
    type(lot.pool).objects.update(capacity=100)
    for _ in range(3):
        allocate_units(lot.pool, SchoolFactory(), units=1)
    form = form_of(lot, 10, 10)
    answer = apply(manager, address, form)
    assert (answer.status_code, "tapez 10" in read(answer)) == (422, True)
    apply(manager, address, form | {"confirmed_count": "10"})
    assert Rebalancing.objects.count() == 1


def test_what_changed_since_is_shown_again(manager, lot, address):
    answer = manager.post(address, form_of(lot, acte="appliquer", empreinte="autre"))
    assert (answer.status_code, "relisez le plan" in read(answer)) == (409, True)
    assert lot.units() == (0, 10, 2, 4)


@pytest.mark.parametrize("number", sampled(["-1", "x", "1.5", "11", "1000000000000"], fast=1))
def test_hostile_numbers_change_nothing(number, manager, lot, address):
    answer = manager.post(address, form_of(lot, number, 0, acte="appliquer"))
    assert answer.status_code == 422
    assert lot.units() == (0, 10, 2, 4)


def test_nothing_at_all_is_no_plan(manager, lot, address):
    assert manager.post(address, form_of(lot, "", "", acte="appliquer")).status_code == 422


def test_a_lot_or_a_rebalancing_of_another_office_is_not_found(manager, lot, gard):
    with tenant_context(gard):
        other = UnbalancedPool(gard, at=timezone.now() - datetime.timedelta(days=40))
        made = other.rebalance(at=timezone.now())
        number = made.pk + 10_000
        Rebalancing.objects.create(pk=number, pool_id=other.pool.pk, from_free=0, applied_at=timezone.now())
    assert manager.post(f"{LIST}{number}/annuler/").status_code == 404
    for number in (0, 900_000_001, 10**12):
        assert manager.get(f"{LIST}{number}/").status_code == 404
        assert manager.post(f"{LIST}{number}/annuler/").status_code == 404
    # An allocation of another office, and a school that it has not, are no rows of this lot.
    stolen = {f"prendre-{other.zola.pk + 900_000}": "1", "donner-0300000A": "1", "acte": "appliquer"}
    assert manager.post(f"{LIST}{lot.pool.pk}/", stolen).status_code == 422
