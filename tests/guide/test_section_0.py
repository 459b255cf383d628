"""The printed guide, its introduction: one test a sentence.

`docs/guide-phrase-par-phrase.md` maps each sentence to its test.
"""

import pytest

from sites.help.guides import BY_SLUG, render_guide
from tests.guide.scenario import ACCOUNT, account_text, create_browser, page_text

GUIDE = "/aide/chef-etablissement/"


def test_ce_document_aide_a_comprendre_l_acquisition_d_un_abonnement_et_la_gestion_des_licences(portal):
    page = portal.get(GUIDE)
    assert page.status_code == 200
    assert "sert à administrer les licences" in page_text(page)
    assert f'href="{GUIDE}"' in portal.get("/aide/").content.decode()


@pytest.mark.slow
def test_le_profil_chef_d_etablissement_administre_les_cles_d_activation(story):
    subscription = story.redeem_key()
    teacher = story.teacher()
    assert f"Donner une licence à {teacher}" in account_text(story.principal)
    story.assign_seat(subscription, teacher)
    assert teacher.email in account_text(story.principal)


@pytest.mark.slow
def test_les_licences_sont_acquises_dans_l_onglet_boutique_ou_recues_d_une_collectivite(story, portal):
    menu = portal.get("/").content.decode().partition("<main")[0]
    assert 'href="/boutique/"' in menu
    assert "Ajouter une licence avec un code d'activation" in page_text(create_browser(story.principal).get(ACCOUNT))
    assert portal.get("/aide/collectivite/").status_code == 200


def test_les_points_abordes_sont_ceux_du_sommaire():
    titles = " ".join(section.title for section in render_guide(BY_SLUG["chef-etablissement"].read()).sections)
    for subject in ("Créer votre compte", "Acheter des licences", "Activer une clé reçue", "Attribuer une licence"):
        assert subject in titles
