"""The printed guide, section 5, « Gestion des comptes et affectation des licences »: one test a sentence."""

import re

import pytest
from django.urls import reverse

from licensing.entitlements import queries
from licensing.entitlements.models import SeatMode
from tests.factories.schools import SchoolFactory
from tests.guide.scenario import ACCOUNT, account_text, create_browser, list_emails, page_text

pytestmark = pytest.mark.slow


def test_vous_pourrez_vous_connecter_et_aller_dans_l_onglet_mon_compte_pour_administrer_vos_licences(
    story, portal, can_sign_in
):
    story.redeem_key()
    can_sign_in(story.principal)
    signed_in = portal.post(
        reverse("account_login"),
        {"login": story.principal.username, "password": "trois-petits-chats-2026"},
        follow=True,
    )
    tabs = re.search(r'<nav class="menu menu-wide".*?</nav>', signed_in.content.decode(), re.DOTALL)[0]
    assert f'href="{ACCOUNT}" aria-current="page"' in tabs
    assert "Mes abonnements" in page_text(signed_in)


def test_les_professeurs_du_meme_etablissement_remontent_dans_votre_espace(story):
    story.redeem_key()
    here, elsewhere = story.teacher(), story.teacher(school=SchoolFactory(name="Collège Zola", postal_code="30900"))
    page = account_text(story.principal)
    assert here.email in page
    assert elsewhere.email not in page


def test_vous_pouvez_leur_envoyer_une_cle_en_cliquant_sur_le_bouton_attribuer_la_cle(story):
    subscription = story.redeem_key()
    teacher = story.teacher()
    page = create_browser(story.principal).get(ACCOUNT)
    assert "Vos enseignants" in page_text(page)
    assert f"Donner une licence à {teacher}" in page_text(page)
    story.assign_seat(subscription, teacher)
    [email] = list_emails(teacher, "seat.assigned")
    assert "active" in email.subject


def test_la_licence_sera_automatiquement_activee_pour_l_enseignant(story):
    teacher = story.teacher()
    story.assign_seat(story.redeem_key(), teacher)
    assert teacher.seats.get().mode == SeatMode.AUTOMATIC
    assert "Active" in account_text(teacher)


def test_rappel_du_numero_de_la_cle_et_du_attribue_sur_total(story):
    subscription = story.redeem_key(units=3)
    page = account_text(story.principal)
    assert f"{queries.unseal_key(subscription.key)}" in page
    assert re.search(r"Licences données : 0 sur 3 Mes abonnements · clés attribuées", page)


def test_envoi_d_une_cle_a_un_contact_remontant_dans_votre_compte(story):
    subscription = story.redeem_key(units=3)
    colas = story.teacher(last_name="Colas", first_name="Benjamin")
    page = story.assign_seat(subscription, colas)
    assert f"Benjamin Colas {colas.email} licence active classe à ouvrir {queries.unseal_key(subscription.key)}" in page


def test_suivi_immediat_du_nombre_de_licences_attribuees_et_des_beneficiaires(story):
    subscription = story.redeem_key(units=3)
    colas, other = story.teacher(last_name="Colas"), story.teacher(last_name="Petit")
    answer = create_browser(story.principal).post(
        f"{ACCOUNT}attribuer/",
        {"abonnement": subscription.pk, "enseignant": colas.pk},
        headers={"HX-Request": "true"},
    )
    page = page_text(answer)
    assert "1 sur 3" in page
    key = queries.unseal_key(subscription.key)
    assert f"{colas.email} licence active classe à ouvrir {key}" in page
    assert f"{other.email} sans licence Donner une licence" in page


def test_si_un_enseignant_n_apparait_pas_vous_pouvez_lui_communiquer_librement_la_cle(story):
    key = story.receive_key(units=3)
    story.enter_key(key)
    assert "saisi" in account_text(story.principal)
    for teacher in (
        story.teacher_with_typed_school(name="Ecole Jean-Jaures"),
        story.teacher(school=SchoolFactory(name="Collège Jean Jaurès", postal_code="30900")),
    ):
        assert f"{teacher} {teacher.email}" not in account_text(story.principal)
        story.enter_key(key, teacher)
        assert teacher.seats.get().mode == SeatMode.MANUAL


def test_veuillez_bien_faire_attention_a_la_casse_dans_la_suite_alphanumerique_de_la_cle(story):
    """Better than the guide: case, dashes and look-alikes do not matter, and a typo is reported as one."""
    key = story.receive_key(units=3)
    story.enter_key(key)
    prefix, symbols = key.split("-", 1)
    teachers = [story.teacher_with_typed_school() for _ in range(3)]
    written = (key.lower(), symbols.replace("-", ""), symbols.replace("0", "o").replace("1", "l"))
    for teacher, typed in zip(teachers, written, strict=True):
        story.enter_key(typed, teacher)
        assert teacher.seats.count() == 1
    other = "Z" if symbols[-1] != "Z" else "Y"
    assert "faute de frappe" in story.enter_key(f"{prefix}-{symbols[:-1]}{other}", story.teacher_with_typed_school())


def test_transmettez_a_l_enseignant_la_cle_que_vous_recopiez_de_votre_espace_mon_compte(story):
    subscription = story.redeem_key()
    page = create_browser(story.principal).get(f"{ACCOUNT}licences/").content.decode()
    assert queries.unseal_key(subscription.key) in page
    assert "data-copy" in page


def test_l_enseignant_se_connecte_a_son_espace_client_et_recopie_manuellement_cette_cle(story):
    key = story.receive_key()
    story.enter_key(key)
    teacher = story.teacher_with_typed_school()
    page = create_browser(teacher).get(ACCOUNT).content.decode()
    assert 'name="cle"' in page
    assert "Votre licence est active" in story.enter_key(key, teacher)


@pytest.mark.small
def test_des_validation_sa_cle_apparait_avec_la_mention_de_la_provenance(story):
    key = story.receive_key()
    story.enter_key(key)
    teacher = story.teacher_with_typed_school()
    page = story.enter_key(key, teacher)
    assert "Licence Reçue le Date d'expiration Clé d'activation Compte de rattachement" in page
    assert re.search(rf"TOUS NIVEAUX .*?31/08/2027 {key} École Jean Jaurès", page)


def test_dans_votre_compte_le_nombre_de_cles_est_mis_a_jour_et_la_liste_est_completee(story):
    key = story.receive_key(units=3)
    story.enter_key(key)
    given, typist = story.teacher(), story.teacher_with_typed_school(last_name="Colas", first_name="Benoît")
    story.assign_seat(story.principal.subscriptions.get(), given)
    story.enter_key(key, typist)
    page = account_text(story.principal)
    assert "2 sur 3" in page
    assert f"Benoît Colas {typist.email} licence active classe à ouvrir clé saisie {key}" in page
    assert "2\xa0licences sur 3 en usage" in list_emails(story.principal, "seat.taken")[0].subject
