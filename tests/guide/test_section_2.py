"""The printed guide, section 2, « Création de votre compte »: one test a sentence, named after it.

`docs/guide-phrase-par-phrase.md` holds the sentences; `test_sentence_table` compares.
"""

import re

import pytest
from django.urls import reverse

from accounts.models import User
from schools.models import Affiliation, Verification
from tests.accounts.emails import answer_resets
from tests.conftest import PASSWORD, TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.guide.scenario import ACCOUNT, account_text, create_browser, list_emails, page_text

pytestmark = pytest.mark.slow

SIGN_UP = "/inscription/"
PERSON = {
    "profile": "principal",
    "username": "testchefetab",
    "last_name": "Colas",
    "first_name": "Benoît",
    "email": "ecole@exemple.example",
    "phone": "01 45 72 00 00",
    "password1": PASSWORD,
    "password2": PASSWORD,
}
TYPED = {
    "not_listed": "on",
    "school_name": "École primaire publique",
    "address": "25 rue Léon-Paul Fargue",
    "address_extra": "",
    "postal_code": "30000",
    "city": "Nîmes",
    "country": "France",
}


def label(page: str, name: str) -> str:
    """Return the label of the field `name`."""
    field = re.search(rf'<(?:input|select)[^>]*\bname="{name}"[^>]*>', page)[0]
    identity = re.search(r'\bid="([^"]+)"', field)[1]
    found = re.search(rf'<label[^>]*for="{identity}"[^>]*>(.*?)</label>', page, re.DOTALL)[1]
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


@pytest.mark.small
def test_premiere_etape_creer_un_compte(portal):
    home = page_text(portal.get("/"))
    for sentence in (
        "Identifiant",
        "Mot de passe",
        "Mot de passe oublié",
        "Créer un compte",
        "Boutique",
        "FAQ",
        "Contact",
    ):
        assert sentence in home
    assert f'href="{SIGN_UP}"' in portal.get("/").content.decode()


@pytest.mark.small
def test_creez_votre_profil_en_choisissant_chef_d_etablissement_dans_le_menu_deroulant(portal):
    page = portal.get(SIGN_UP).content.decode()
    menu = re.search(r'<select[^>]*name="profile".*?</select>', page, re.DOTALL)[0]
    assert "Chef d’établissement" in menu
    assert "Enseignant" in menu
    assert "Agent" not in menu


@pytest.mark.small
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("profile", "Profil"),
        ("username", "Identifiant *"),
        ("last_name", "Nom *"),
        ("first_name", "Prénom *"),
        ("email", "Adresse e-mail *"),
        ("phone", "Téléphone"),
        ("password1", "Mot de passe *"),
        ("password2", "Confirmation du mot de passe *"),
    ],
)
def test_profil_identifiant_nom_prenom_email_telephone_mot_de_passe_confirmation(portal, name, sentence):
    assert label(portal.get(SIGN_UP).content.decode(), name).startswith(sentence)


def test_champs_obligatoires(portal):
    assert "obligatoires" in page_text(portal.get(SIGN_UP))
    for missing in ("username", "last_name", "first_name", "email", "password1", "password2"):
        answer = portal.post(SIGN_UP, {**PERSON, **TYPED, missing: ""})
        assert answer.context["form"].errors[missing]
    assert not User.objects.exists()
    assert portal.post(SIGN_UP, {**PERSON, **TYPED, "phone": ""}).status_code == 302


@pytest.mark.small
@pytest.mark.parametrize("text", ["jaures uzes", "30700", "UAI"])
def test_retrouvez_votre_etablissement_dans_cette_liste(portal, text):
    school = SchoolFactory(name="École Jean Jaurès", commune="Uzès", postal_code="30700")
    text = school.uai.lower() if text == "UAI" else text
    answer = portal.post(SIGN_UP, {**PERSON, "school_query": text, "rechercher": "1"})
    assert f'value="{school.uai}"' in answer.content.decode()
    portal.post(SIGN_UP, {**PERSON, "uai": school.uai})
    assert Affiliation.objects.get(user__username="testchefetab").school == school


def test_les_professeurs_qui_auront_renseigne_le_meme_etablissement_apparaitront_automatiquement(story):
    story.redeem_key()
    teacher = story.teacher(last_name="Colas", first_name="Benjamin")
    assert f"Benjamin Colas {teacher.email}" in account_text(story.principal)


@pytest.mark.small
def test_mon_etablissement_n_est_pas_liste(portal):
    assert "Mon établissement n'est pas listé" in page_text(portal.get(SIGN_UP))
    portal.post(SIGN_UP, {**PERSON, **TYPED})
    affiliation = Affiliation.objects.get(user__username="testchefetab")
    assert (affiliation.school, affiliation.name) == (None, "École primaire publique")


def test_sites_du_groupe_a_propos_siege(portal):
    for path in ("/", SIGN_UP, "/boutique/", "/faq/", "/contact/"):
        page = page_text(portal.get(path))
        for sentence in ("Sites du groupe", "www.editions-belin.com", "À propos", "Contactez-nous", "Crédits", "Siège"):
            assert sentence in page
    for path in ("/contact/", "/faq/", "/credits/"):
        assert portal.get(path).status_code == 200


def test_dans_les_champs_en_haut_a_droite_de_la_page_d_accueil_puis_le_recapitulatif(portal, can_sign_in):
    person = PrincipalFactory(username="testchefetab", first_name="Benoît", last_name="Colas", phone="01 45 72 00 00")
    AffiliationFactory(user=can_sign_in(person))
    header = re.search(r"<header.*?</header>", portal.get("/").content.decode(), re.DOTALL)[0]
    assert 'name="login"' in header
    assert 'name="password"' in header
    answer = portal.post(reverse("account_login"), {"login": "testchefetab", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == ACCOUNT
    page = portal.get(f"{ACCOUNT}informations/").content.decode()
    for expected in ("testchefetab", 'value="Colas"', 'value="Benoît"', f'value="{person.email}"', "01 45 72 00 00"):
        assert expected in page
    assert "Chef d'établissement" in page_text(portal.get(f"{ACCOUNT}informations/"))


@pytest.mark.small
def test_mot_de_passe_oublie(portal, can_sign_in):
    person = can_sign_in(PrincipalFactory(username="testchefetab"))
    portal.post(reverse("account_reset_password"), {"email": person.email})
    assert answer_resets() == 1
    [email] = list_emails(person, "account.reset")
    assert "testchefetab" in email.subject


def test_bonjour_acceder_a_l_application_deconnexion_mon_compte_boutique_faq_contact(story):
    for path in (ACCOUNT, "/", "/faq/"):
        page = page_text(create_browser(story.principal).get(path))
        assert "Bonjour Camille" in page
        for sentence in ("Accéder à l'application", "Déconnexion", "Mon compte", "Boutique", "FAQ", "Contact"):
            assert sentence in page


@pytest.mark.small
def test_ne_rien_saisir_si_vous_ne_souhaitez_pas_changer_votre_mot_de_passe(can_sign_in):
    person = can_sign_in(PrincipalFactory())
    browser = create_browser(person)
    kept = {"last_name": "Colas", "first_name": "Benoît", "email": person.email, "phone": ""}
    assert "si vous ne souhaitez pas changer votre mot de passe" in page_text(browser.get(f"{ACCOUNT}informations/"))
    browser.post(f"{ACCOUNT}informations/", {**kept, "new_password": ""})
    person.refresh_from_db()
    assert (person.last_name, person.check_password(PASSWORD)) == ("Colas", True)


def test_ancien_mot_de_passe(can_sign_in):
    person = can_sign_in(PrincipalFactory())
    new = "quatre-petits-chiens-2027"
    fields = {
        "last_name": "Colas",
        "first_name": "Benoît",
        "email": person.email,
        "new_password": new,
        "confirmation": new,
    }
    answer = create_browser(person).post(f"{ACCOUNT}informations/", {**fields, "old_password": "autre"})
    assert "mot de passe actuel" in page_text(answer)
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    create_browser(person).post(f"{ACCOUNT}informations/", {**fields, "old_password": PASSWORD})
    person.refresh_from_db()
    assert person.check_password(new)


def test_choisir_mon_etablissement(story):
    teacher = TeacherFactory()
    assert "Choisir mon établissement" in account_text(story.principal)
    assert "Choisir mon établissement" in account_text(teacher)
    create_browser(teacher).post(f"{ACCOUNT}etablissement/", {"uai": story.school.uai})
    page = account_text(teacher)
    for expected in ("École Jean Jaurès", "30000 Nîmes", story.school.uai):
        assert expected in page


def test_nom_de_l_etablissement_adresse_adresse_suite_code_postal_ville_pays(story):
    teacher = TeacherFactory()
    page = account_text(teacher)
    for sentence in (
        "Nom de l'établissement *", "Adresse *", "Adresse suite", "Code postal *", "Ville *", "Pays *",
    ):  # fmt: skip
        assert sentence in page
    create_browser(teacher).post(f"{ACCOUNT}etablissement/", TYPED)
    assert "École primaire publique 25 rue Léon-Paul Fargue 30000 Nîmes, France" in account_text(teacher)


def test_profil_enseignant_et_meme_ecole_vous_pourrez_leur_attribuer_une_licence_automatiquement(story):
    subscription = story.redeem_key()
    teacher = story.teacher()
    story.assign_seat(subscription, teacher)
    assert teacher.seats.get().subscription == subscription


def test_s_ils_ont_choisi_une_adresse_differente_ou_inscrit_a_la_main_ils_n_apparaitront_pas(story):
    subscription = story.redeem_key()
    elsewhere = story.teacher(school=SchoolFactory(name="Collège Zola", postal_code="30900"))
    by_hand = story.teacher_with_typed_school(name="École du Mas de Mingue")
    page = account_text(story.principal)
    for teacher in (elsewhere, by_hand):
        assert teacher.email not in page
        story.assign_seat(subscription, teacher)
        assert not teacher.seats.exists()


def test_vous_devrez_leur_communiquer_manuellement_la_cle_d_activation(story):
    key = story.receive_key(units=3)
    story.enter_key(key)
    teacher = story.teacher_with_typed_school()
    assert key in account_text(story.principal)
    story.enter_key(key, teacher)
    assert teacher.seats.count() == 1


def test_une_direction_est_verifiee_avant_de_voir_un_enseignant(story):
    """Not in the guide, which shows names to any self-declared principal; we verify by the mailbox first."""
    teacher = story.teacher()
    assert teacher.email not in account_text(story.principal)
    affiliation = story.principal.affiliations.get()
    affiliation.verified_at, affiliation.verified_by = TERM, Verification.OPERATOR
    affiliation.save()
    assert teacher.email in account_text(story.principal)
