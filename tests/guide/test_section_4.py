"""The printed guide, section 4, « Recevoir une/des clé(s) d'activation d'une collectivité »: one test a sentence."""

import re
from typing import Any

import pytest
from django_tenants.utils import tenant_context

from licensing.classes import operations as classes
from licensing.classes import pupils
from licensing.entitlements import keys, queries
from licensing.entitlements.models import ActivationKey, Subscription
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.guide.scenario import ACCOUNT, account_text, create_browser

pytestmark = pytest.mark.slow

HEADINGS = "Licence Classes Élèves Reçue le Date d'expiration Clé d'activation Licences données"


def test_par_activation_d_une_licence_transmise_par_une_collectivite(story):
    page = story.enter_key(story.receive_key(units=3))
    assert "3 licences attribuées par la Ville de Nîmes" in page
    assert "0 sur 3" in page


def test_une_collectivite_peut_distribuer_x_licences_dans_la_volumetrie_de_son_choix(story):
    shares: dict[int, Any] = {2: None, 5: None, 1: None}
    with tenant_context(story.collectivity):
        pool = orders.grant(collectivity=story.collectivity, licences=8, reason="x", name="Lot", by=None, at=TERM)
        for units in shares:
            school = SchoolFactory()
            given = pools.allocate(
                pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, by=None, at=TERM
            )
            shares[units] = (school, queries.unseal_key(ActivationKey.objects.get(pk=given.key_id)))
    for units, (school, key) in shares.items():
        principal = PrincipalFactory()
        AffiliationFactory(user=principal, school=school)
        assert f"0 sur {units}" in story.enter_key(key, principal)


def test_1_cle_1_classe_1_enseignant_30_eleves(story):
    subscription = story.redeem_key(units=1)
    teacher = story.teacher()
    story.assign_seat(subscription, teacher)
    classroom = classes.open_class(seat_id=teacher.seats.get().pk, by=teacher, name="CE1", at=TERM)
    assert len(pupils.add_pupils(classroom_id=classroom.pk, count=30, by=teacher, at=TERM)) == 30
    assert "TOUS NIVEAUX 1 30 " in account_text(story.principal)


@pytest.mark.small
def test_vous_recevez_un_courriel_avec_une_cle_sa_provenance_et_le_nombre_de_licences(story):
    key = story.receive_key(units=3)
    email = story.render_key_email()
    for expected in (key, "Ville de Nîmes", "3"):
        assert expected in email.text
    assert keys.parse(key)


def test_vous_devez_saisir_manuellement_cette_cle_dans_votre_espace_personnel_rubrique_mon_compte(story):
    key = story.receive_key(units=3)
    page = create_browser(story.principal).get(ACCOUNT).content.decode()
    assert re.search(rf'<form[^>]*action="{ACCOUNT}cle/"', page)
    assert 'name="cle"' in page
    # Case, dashes and spaces do not matter, although the guide warns about them.
    assert "0 sur 3" in story.enter_key(f"  {key.lower().replace('-', ' ')} ")


def test_votre_compte_est_credite_et_vous_pouvez_attribuer_le_nombre_de_cles_dont_vous_disposez(story):
    subscription = story.redeem_key(units=2)
    teachers = [story.teacher() for _ in range(3)]
    pages = [story.assign_seat(subscription, teacher) for teacher in teachers]
    assert "1 sur 2" in pages[0]
    assert "2 sur 2" in pages[1]
    assert "déjà attribuées" in pages[2]
    assert [teacher.seats.count() for teacher in teachers] == [1, 1, 0]


def test_ajouter_une_licence_avec_un_code_d_activation(story):
    assert "Ajouter une licence avec un code d'activation" in account_text(story.principal)
    assert "Ajouter une licence avec un code d'activation" in account_text(story.teacher())


def test_apparition_du_nombre_de_cles_envoyees_et_possibilite_de_les_affecter_individuellement(story):
    key = story.receive_key(units=3)
    story.enter_key(key)
    colas = story.teacher(last_name="Colas", first_name="Benoît")
    page = account_text(story.principal)
    assert HEADINGS in page
    assert re.search(rf"TOUS NIVEAUX 3 90 [0-9/]{{10}} 31/08/2027 {key} .*?0 sur 3", page)
    assert f"Benoît Colas {colas.email}" in page
    assert f"Donner une licence à {colas}" in page
    assert Subscription.objects.get().seats.free().count() == 3
