"""The printed guide, section 4, « Recevoir une/des clé(s) d'activation d'une collectivité »: one test a sentence."""

from __future__ import annotations

import re

from django_tenants.utils import tenant_context

from licensing.classes import operations as classes
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.subscriptions import keys, queries
from licensing.subscriptions.models import ActivationKey, Subscription
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.guide.conftest import ACCOUNT, account_of, browser_of, words

HEADINGS = "Licence Classes Élèves Date d'achat Date d'expiration Clé d'activation Clés attribuées"


def test_par_activation_d_une_licence_transmise_par_une_collectivite(story):
    page = story.types(story.receives(units=3))
    assert "Attribuée par Ville de Nîmes" in page
    assert "0/3" in page


def test_une_collectivite_peut_distribuer_x_licences_dans_la_volumetrie_de_son_choix(story):
    shares = {2: None, 5: None, 1: None}
    with tenant_context(story.collectivity):
        pool = orders.grant(collectivity=story.collectivity, licences=8, reason="x", name="Lot", by=None, at=TERM)
        for units in shares:
            school = SchoolFactory()
            given = pools.allocate(
                pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, by=None, at=TERM
            )
            shares[units] = (school, queries.key_display(ActivationKey.objects.get(pk=given.key_id)))
    for units, (school, key) in shares.items():
        principal = PrincipalFactory()
        AffiliationFactory(user=principal, school=school)
        assert f"0/{units}" in story.types(key, principal)


def test_1_cle_1_classe_1_enseignant_30_eleves(story):
    subscription = story.redeemed(units=1)
    teacher = story.teacher()
    story.gives(subscription, teacher)
    classroom = classes.open_class(seat_id=teacher.seats.get().pk, by=teacher, name="CE1", at=TERM)
    assert len(classes.add_pupils(classroom_id=classroom.pk, count=30, by=teacher, at=TERM)) == 30
    assert "TOUS NIVEAUX 1 30 " in account_of(story.principal)


def test_vous_recevez_un_courriel_avec_une_cle_sa_provenance_et_le_nombre_de_licences(story):
    key = story.receives(units=3)
    email = story.letter()
    for expected in (key, "Ville de Nîmes", "3"):
        assert expected in email.text
    assert keys.parse(key)


def test_vous_devez_saisir_manuellement_cette_cle_dans_votre_espace_personnel_rubrique_mon_compte(story):
    key = story.receives(units=3)
    page = browser_of(story.principal).get(ACCOUNT).content.decode()
    assert re.search(rf'<form[^>]*action="{ACCOUNT}cle/"', page)
    assert 'name="cle"' in page
    # Case, dashes and spaces do not matter, although the guide warns about them.
    assert "0/3" in story.types(f"  {key.lower().replace('-', ' ')} ")


def test_votre_compte_est_credite_et_vous_pouvez_attribuer_le_nombre_de_cles_dont_vous_disposez(story):
    subscription = story.redeemed(units=2)
    teachers = [story.teacher() for _ in range(3)]
    pages = [story.gives(subscription, teacher) for teacher in teachers]
    assert "1/2" in pages[0]
    assert "2/2" in pages[1]
    assert "déjà attribuées" in pages[2]
    assert [teacher.seats.count() for teacher in teachers] == [1, 1, 0]


def test_ajouter_une_licence_avec_un_code_d_activation(story):
    assert "Ajouter une licence avec un code d'activation" in account_of(story.principal)
    assert "Ajouter une licence avec un code d'activation" in account_of(story.teacher())


def test_apparition_du_nombre_de_cles_envoyees_et_possibilite_de_les_affecter_individuellement(story):
    key = story.receives(units=3)
    story.types(key)
    colas = story.teacher(last_name="Colas", first_name="Benoît")
    page = browser_of(story.principal).get(ACCOUNT)
    assert HEADINGS in words(page)
    assert re.search(rf"TOUS NIVEAUX 3 90 [0-9/]{{10}} 31/08/2027 {key} .*?0/3", words(page))
    assert f"Colas Benoît {colas.email}" in words(page)
    assert "Attribuer la clé" in words(page)
    assert Subscription.objects.get().seats.free().count() == 3
