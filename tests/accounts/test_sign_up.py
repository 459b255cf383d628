"""« Créer un compte »: the guide's fields, a school found or typed, an address confirmed."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from accounts.models import Profile, User
from tests.accounts.emails import PASSWORD, answer_resets, find_link
from tests.accounts.sign_up_fields import PERSON, TYPED
from tests.emails import list_emails, render_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import SchoolFactory


def sign_up(browser, **changes):
    return browser.post(reverse("account_signup"), {**PERSON, **changes})


@pytest.mark.slow
def test_a_principal_signs_up_confirms_and_signs_in(portal):
    school = SchoolFactory()
    answer = sign_up(portal, uai=school.uai)
    assert (answer.status_code, answer["Location"]) == (302, "/adresse/a-confirmer/")
    user = User.objects.get(username="testchefetab")
    assert (user.profile, user.last_name, user.phone) == (Profile.PRINCIPAL, "Colas", "01 45 72 00 00")
    assert [(a.school, a.verified_at) for a in user.affiliations.all()] == [(school, None)]
    [message] = list_emails("account.confirm")
    path = portal.open_link(find_link(render_email(message).text))
    assert b"ecole@exemple.example" in portal.get(path).content
    portal.post(path)
    assert EmailAddress.objects.get(user=user).verified
    portal.post(reverse("account_logout"))
    answer = portal.post(reverse("account_login"), {"login": "TestChefEtab", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/mon-compte/")


def test_a_school_typed_by_hand(portal):
    sign_up(portal, profile="teacher", **TYPED)
    [affiliation] = User.objects.get(username="testchefetab").affiliations.all()
    assert (affiliation.school, affiliation.name, affiliation.address_extra) == (
        None,
        "École primaire publique",
        "Bât. B",
    )
    assert (affiliation.postal_code, affiliation.city, affiliation.country) == ("75006", "Paris", "France")


@pytest.mark.parametrize("missing", ["profile", "username", "last_name", "first_name", "email", "password1"])
def test_each_required_field_is_checked(portal, missing):
    answer = sign_up(portal, **{missing: ""}, uai=SchoolFactory().uai)
    assert answer.context["form"].errors[missing]
    assert not User.objects.exists()


@pytest.mark.parametrize("missing", ["school_name", "address", "postal_code", "city", "country"])
def test_each_required_field_of_a_typed_school_is_checked(portal, missing):
    answer = sign_up(portal, **{**TYPED, missing: ""})
    assert answer.context["form"].errors[missing]
    assert not User.objects.exists()


def test_the_phone_and_the_second_address_line_are_optional(portal):
    assert sign_up(portal, phone="", **{**TYPED, "address_extra": ""}).status_code == 302


@pytest.mark.slow
def test_a_school_is_required(portal):
    assert "school_query" in sign_up(portal).context["form"].errors
    assert "school_query" in sign_up(portal, uai="0000000A").context["form"].errors


def test_nobody_can_sign_up_as_an_agent(portal):
    assert "profile" in sign_up(portal, profile="agent", uai=SchoolFactory().uai).context["form"].errors


def test_searching_without_scripts_keeps_what_was_typed(portal):
    school = SchoolFactory(name="École Jean Jaurès", commune="Uzès")
    answer = sign_up(portal, school_query="jaures uzes", rechercher="1")
    page = answer.content.decode()
    assert f'value="{school.uai}"' in page
    assert 'value="testchefetab"' in page
    assert PASSWORD not in page
    assert not User.objects.exists()


def test_the_school_list_follows_the_typed_text(portal):
    school = SchoolFactory(name="École Jean Jaurès", commune="Uzès")
    page = portal.get("/inscription/etablissements/", {"school_query": "jean uzes"}).content.decode()
    assert f'value="{school.uai}"' in page
    assert "<html" not in page
    assert "Aucun établissement" in portal.get("/inscription/etablissements/", {"school_query": "zzz"}).content.decode()


def test_schools_are_listed_before_colleges_and_lycees(portal):
    for kind, name in (("Lycée", "A Jaurès"), ("Collège", "B Jaurès"), ("EREA", "C Jaurès"), ("Ecole", "D Jaurès")):
        SchoolFactory(type=kind, name=name)
    page = portal.get("/inscription/etablissements/", {"school_query": "jaures"}).content.decode()
    assert re.findall(r"[ABCD] Jaurès", page) == ["D Jaurès", "B Jaurès", "A Jaurès", "C Jaurès"]


def test_the_guide_s_sentence_stands_beside_the_list_of_schools(portal):
    page = portal.get("/inscription/").content.decode()
    assert "Les professeurs qui auront renseigné le même établissement dans leur compte «\xa0Enseignant\xa0»" in page


def test_an_invalid_form_begins_with_a_summary_that_links_to_each_field(portal):
    page = sign_up(portal, first_name="", uai="").content.decode()
    summary = page[page.index("error-summary") : page.index("<form", page.index("error-summary"))]
    assert re.findall(r'href="#(\w+)"', summary) == ["id_first_name", "id_school_query"]
    assert all(f'id="{name}"' in page for name in ("id_first_name", "id_school_query"))


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/connexion/", {"login": "personne", "password": "faux"}),
        ("/contact/", {"name": ""}),
        ("/cle-non-recue/", {"uai": ""}),
    ],
)
def test_the_other_forms_of_visitors_begin_with_a_summary_too(portal, path, data):
    page = portal.post(path, data).content.decode()
    assert page.count("error-summary") == 1
    assert page.index("error-summary") < page.index("<form", page.index("<main"))


def test_an_email_may_serve_several_accounts_without_revealing_them(portal):
    PrincipalFactory(email=PERSON["email"])
    answer = sign_up(portal, uai=SchoolFactory().uai)
    assert (answer.status_code, answer["Location"]) == (302, "/adresse/a-confirmer/")
    assert User.objects.filter(email=PERSON["email"]).count() == 2


def test_an_office_has_no_sign_up_page(office):
    browser = office("nimes")
    assert "invitation" in browser.get("/inscription/").content.decode()
    browser.post("/inscription/", {**PERSON, **TYPED})
    assert not User.objects.exists()


# --- Forgotten passwords --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_reset_says_which_account_it_is_for_and_works_once(portal):
    first, second = TeacherFactory(email="ecole@exemple.example"), TeacherFactory(email="ecole@exemple.example")
    portal.post(reverse("account_reset_password"), {"email": "ecole@exemple.example"})
    assert answer_resets() == 2
    emails = {message.context["user"]: render_email(message) for message in list_emails("account.reset")}
    assert set(emails) == {first.pk, second.pk}
    assert first.username in emails[first.pk].subject
    path = find_link(emails[first.pk].text)
    form_path = portal.open_link(path)
    portal.post(form_path, {"password1": PASSWORD, "password2": PASSWORD})
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.check_password(PASSWORD)
    assert not second.check_password(PASSWORD)
    assert "a déjà servi" in portal.follow_link(path).content.decode()
    assert len(list_emails("account.password_changed")) == 1


@pytest.mark.slow
def test_the_session_that_opened_a_reset_link_holds_its_token_sealed(portal):
    portal.force_login(TeacherFactory())
    user = TeacherFactory(email="ecole@exemple.example")
    portal.post(reverse("account_reset_password"), {"email": user.email})
    answer_resets()
    path = find_link(render_email(list_emails("account.reset")[0]).text)
    token = path.partition("#jeton=")[2].partition("-")[2]
    # Another account is signed in: allauth signs it out, in a new session.
    form_path = portal.open_link(path)
    assert token not in str(dict(portal.session))
    assert portal.get(form_path).context["form"] is not None
    assert token not in str(dict(portal.session))
    assert portal.post(form_path, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
    assert dict(portal.session).get("link_tokens", {}) == {}


def test_the_outbox_holds_no_token(portal):
    TeacherFactory(email="ecole@exemple.example")
    portal.post(reverse("account_reset_password"), {"email": "ecole@exemple.example"})
    answer_resets()
    [message] = list_emails("account.reset")
    assert set(message.context) == {"user", "host"}


def test_a_reset_requested_at_an_office_is_sent_by_the_portal_and_leads_back(office):
    TeacherFactory(email="agent@exemple.example")
    office("nimes").post("/mot-de-passe/oublie/", {"email": "agent@exemple.example"})
    answer_resets()
    [message] = list_emails("account.reset")
    assert "http://nimes.peps.localhost/mot-de-passe/nouveau/" in render_email(message).text


# --- Signing in -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_username_in_capitals_waits_as_the_same_in_small_letters(portal):
    user = TeacherFactory()
    for name in (user.username, f" {user.username.upper()}") * 3:
        answer = portal.post(reverse("account_login"), {"login": name, "password": "faux"})
    assert (answer.status_code, "réessayez dans 5 secondes" in str(answer.context["form"].errors)) == (429, True)


def test_a_wrong_password_and_an_unknown_username_get_the_same_answer(portal):
    user = TeacherFactory()
    result = [
        str(portal.post(reverse("account_login"), {"login": login, "password": "faux"}).context["form"].errors)
        for login in (user.username, "personne-du-tout")
    ]
    assert result[0] == result[1]


@pytest.mark.parametrize(
    "path",
    [
        "/connexion/",
        "/mot-de-passe/oublie/",
        "/mot-de-passe/oublie/envoye/",
        "/mot-de-passe/nouveau/1-abc/",
        "/mot-de-passe/nouveau/fait/",
        "/adresse/a-confirmer/",
        "/adresse/confirmer/abc/",
        "/compte-inactif/",
    ],
)
@pytest.mark.parametrize("host", ["portal", "office"])
def test_account_pages_use_our_templates_at_every_host(request, path, host):
    browser = request.getfixturevalue("portal") if host == "portal" else request.getfixturevalue("office")("nimes")
    answer = browser.get(path)
    assert answer.status_code == (410 if path == "/adresse/confirmer/abc/" else 200)
    page = answer.content.decode()
    assert '<html lang="fr"' in page
    assert "onclick" not in page
    assert "Menu:" not in page
