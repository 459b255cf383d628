"""The page of a key, as a new principal, somebody with an account and a stranger go through it."""

import datetime

import pytest
from allauth.account.models import EmailAddress

from accounts.models import Profile, User
from licensing.entitlements import keys
from licensing.entitlements.models import ActivationKey, Subscription
from schools.models import Verification
from tests.accounts.emails import PASSWORD, find_link
from tests.emails import list_emails, render_email, render_only_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.html import collapse
from tests.sites.portal.key_letter import KeyLink, create_account, open_link, send_key
from tests.tiers import sampled

pytestmark = pytest.mark.slow

PAGE = "/cle/"


@pytest.fixture
def school(nimes):
    return SchoolFactory(name="École Jean Jaurès", commune="Nîmes", email="ce.0300001a@ac-montpellier.example")


@pytest.fixture
def letter(nimes, school):
    """The link of the e-mail that the school's mailbox received."""
    return send_key(nimes, school)[1]


def get_text(answer):
    """Return the page with plain spaces and straight apostrophes."""
    text = collapse(answer.content.decode())
    for shown, plain in (("\xa0", " "), ("&nbsp;", " "), ("&#x27;", "'"), ("\u2019", "'")):
        text = text.replace(shown, plain)
    return text


# --- A new principal ------------------------------------------------------------------------------------------------


def test_three_fields_make_an_account_that_is_signed_in_with_the_key_redeemed(portal, letter, school):
    page = get_text(open_link(portal, letter))
    for shown in ("Ville de Nîmes vous donne 3 licences", "École Jean Jaurès (Nîmes)", "31 août 2027", school.email):
        assert shown in page
    answer = create_account(portal)
    assert (answer.status_code, answer["Location"]) == (302, "/mon-compte/")
    user = User.objects.get(username=school.email)
    assert (user.profile, user.get_full_name(), user.email) == (Profile.PRINCIPAL, "Camille Martin", school.email)
    assert user.check_password(PASSWORD)
    subscription = Subscription.objects.get()
    assert (subscription.principal, subscription.school, subscription.size) == (user, school, 3)
    page = get_text(portal.get("/mon-compte/"))
    assert f"votre compte est créé, avec l'identifiant « {school.email} »" in page


def test_the_mailbox_of_the_letter_is_confirmed_by_its_link(portal, letter, school):
    open_link(portal, letter)
    create_account(portal)
    address = EmailAddress.objects.get()
    assert (address.email, address.verified, address.primary) == (school.email, True, True)
    assert list_emails("account.confirm") == []
    # Whoever reads the mailbox learns of the account, and of its username.
    [created] = list_emails("account.created", recipient=school.email)
    assert f"«\xa0{school.email}\xa0»" in render_email(created).text


def test_a_key_that_only_the_official_mailbox_could_know_verifies(portal, letter, school):
    open_link(portal, letter)
    create_account(portal)
    affiliation = User.objects.get(username=school.email).affiliations.get()
    assert (affiliation.school, affiliation.verified_by) == (school, Verification.KEY)


@pytest.mark.parametrize("exposure", ["sent elsewhere", "revealed"])
def test_the_link_verifies_nobody_where_others_know_the_key(portal, nimes, school, exposure):
    more = {"recipient": "directrice@exemple.example"} if exposure == "sent elsewhere" else {}
    allocation, link = send_key(nimes, school, **more)
    if exposure == "revealed":
        ActivationKey.objects.filter(pk=allocation.key_id).update(exposed_at=allocation.created_at)
    open_link(portal, link)
    create_account(portal)
    affiliation = Subscription.objects.get().principal.affiliations.get()
    assert (affiliation.school, affiliation.verified_at) == (school, None)


def test_another_address_is_the_accounts_once_it_is_confirmed(portal, letter, school):
    open_link(portal, letter)
    assert create_account(portal, email="camille@exemple.example")["Location"] == "/mon-compte/"
    user = User.objects.get()
    assert (user.email, user.username) == (school.email, school.email)
    assert "camille@exemple.example</strong> attend d'être confirmée" in get_text(
        portal.get("/mon-compte/informations/")
    )
    path = portal.open_link(find_link(render_only_email("account.confirm_new").text))
    portal.post(path)
    user.refresh_from_db()
    assert user.email == "camille@exemple.example"


def test_another_username_is_taken_where_it_is_free(portal, letter):
    open_link(portal, letter)
    create_account(portal, username="CMartin")
    assert User.objects.get().username == "cmartin"


def test_the_username_is_made_of_the_name_where_the_address_is_somebodys(portal, letter, school):
    UserFactory(username=school.email)
    open_link(portal, letter)
    create_account(portal, first_name="Zoé", last_name="de la Tour")
    assert Subscription.objects.get().principal.username == "zoe.de.la.tour"


@pytest.mark.parametrize(
    ("changes", "field"),
    sampled(
        [
            ({"first_name": ""}, "first_name"),
            ({"last_name": "www.exemple.fr"}, "last_name"),
            ({"password": "court"}, "password"),
            ({"password": "1234567890123"}, "password"),
            ({"username": "autre@exemple.example"}, "username"),
            ({"username": "supprime-1"}, "username"),
            ({"email": "pas une adresse"}, "email"),
        ],
        fast=2,
    ),
)
def test_a_field_that_is_refused_is_named_and_nothing_is_made(portal, letter, changes, field):
    open_link(portal, letter)
    answer = create_account(portal, **changes)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {field}
    assert "error-summary" in answer.content.decode()
    assert not User.objects.exists()
    assert ActivationKey.objects.get().redeemed_at is None


def test_the_password_may_not_be_the_name(portal, letter):
    open_link(portal, letter)
    answer = create_account(portal, first_name="Bartholomée", last_name="Vandenbergh", password="Vandenbergh")
    assert "password" in answer.context["form"].errors


# --- Somebody who has an account ------------------------------------------------------------------------------------


def test_somebody_with_an_account_signs_in_there_and_activates_with_one_button(portal, letter, school, can_sign_in):
    user = can_sign_in(PrincipalFactory())
    AffiliationFactory(user=user, school=school)
    open_link(portal, letter)
    answer = portal.post("/connexion/", {"login": user.username, "password": PASSWORD, "next": PAGE})
    assert answer["Location"] == PAGE
    assert "Activer mes 3 licences" in get_text(portal.get(PAGE))
    assert portal.post("/cle/activer/")["Location"] == "/mon-compte/"
    assert Subscription.objects.get().principal == user


def test_signing_in_anywhere_leads_to_the_key(portal, letter, can_sign_in):
    user = can_sign_in(PrincipalFactory())
    open_link(portal, letter)
    assert portal.post("/connexion/", {"login": user.username, "password": PASSWORD})["Location"] == PAGE


def test_the_reader_of_a_mailbox_that_has_an_account_is_asked_to_sign_in(portal, letter, school, can_sign_in):
    can_sign_in(PrincipalFactory(email=school.email))
    page = get_text(open_link(portal, letter))
    assert "Un compte existe déjà à cette adresse" in page
    assert f'name="login" value="{school.email}"' in page
    # A mailbox may be shared: another account can be made.
    assert create_account(portal)["Location"] == "/mon-compte/"


@pytest.mark.small
def test_an_address_that_nobody_confirmed_is_nobodys_account(portal, letter, school):
    user = PrincipalFactory(email=school.email)
    EmailAddress.objects.create(user=user, email=school.email, primary=True, verified=False)
    assert "Un compte existe déjà" not in get_text(open_link(portal, letter))


def test_a_principal_without_a_school_chooses_it_and_activates_in_one_click(as_, letter, school):
    user = PrincipalFactory()
    AffiliationFactory(user=user, school=None, name="Ecole Jaures")
    browser = as_(user)
    assert "C'est bien mon école : la choisir et activer" in get_text(open_link(browser, letter))
    assert browser.post("/cle/activer/", {"choisir": "1"})["Location"] == "/mon-compte/"
    assert [one.school for one in user.affiliations.all()] == [school]
    assert Subscription.objects.get().principal == user


def test_the_school_is_not_chosen_where_nobody_says_that_it_is_theirs(as_, letter):
    user = PrincipalFactory()
    browser = as_(user)
    open_link(browser, letter)
    assert browser.post("/cle/activer/").status_code == 200
    assert not user.affiliations.exists()


def test_a_teacher_receives_a_licence_of_a_redeemed_key(as_, jaures):
    code, subscription = jaures.subscription()
    teacher = TeacherFactory()
    browser = as_(teacher)
    assert "Recevoir ma licence" in get_text(open_link(browser, KeyLink(code, "")))
    assert browser.post("/cle/activer/")["Location"] == "/mon-compte/"
    assert subscription.seats.get(holder=teacher)


# --- Without the link: the mailbox is not proven --------------------------------------------------------------------


def test_a_typed_key_asks_for_an_address_and_has_it_confirmed_first(portal, letter, school):
    page = get_text(open_link(portal, KeyLink(letter.code.lower().replace("-", " "), "")))
    assert 'name="email"' in page
    assert school.email not in page
    answer = create_account(portal, email="Camille@exemple.example")
    assert answer["Location"] == "/adresse/a-confirmer/"
    assert "Votre clé est gardée : 3 licences, École Jean Jaurès (Nîmes)" in get_text(portal.get(answer["Location"]))
    user = User.objects.get()
    assert (user.username, ActivationKey.objects.get().redeemed_at) == ("camille@exemple.example", None)
    assert not EmailAddress.objects.get(user=user).verified
    path = portal.open_link(find_link(render_only_email("account.confirm").text))
    assert "Votre clé est gardée" in get_text(portal.get(path))
    portal.post(path)
    answer = portal.post("/connexion/", {"login": user.username, "password": PASSWORD})
    assert answer["Location"] == PAGE
    portal.post("/cle/activer/")
    assert Subscription.objects.get().principal == user


@pytest.mark.parametrize(
    "path", ["/connexion/", "/inscription/", "/mot-de-passe/oublie/", "/mot-de-passe/oublie/envoye/"]
)
def test_each_page_on_the_way_says_that_the_key_is_kept(portal, letter, path):
    assert "Votre clé est gardée" not in get_text(portal.get(path))
    open_link(portal, letter)
    assert "Votre clé est gardée : 3 licences, École Jean Jaurès (Nîmes)" in get_text(portal.get(path))


def test_a_look_at_the_prices_does_not_give_up_the_key(portal, letter):
    open_link(portal, letter)
    portal.post("/boutique/choix/", {"classes": "3"})
    assert "Votre clé est gardée : 3 licences" in get_text(portal.get("/connexion/"))


def test_a_kept_key_can_be_forgotten(portal, letter):
    open_link(portal, letter)
    portal.post("/cle/oublier/")
    assert 'id="cle"' in get_text(portal.get(PAGE))
    assert "Votre clé est gardée" not in get_text(portal.get("/connexion/"))


def test_a_kept_key_is_forgotten_after_a_day(portal, letter, monkeypatch):
    open_link(portal, letter)
    monkeypatch.setattr("web.frame.KEPT_FOR", datetime.timedelta(seconds=-1))
    assert 'id="cle"' in get_text(portal.get(PAGE))


@pytest.mark.small
def test_the_session_holds_neither_key_nor_token_in_clear(portal, letter):
    open_link(portal, letter)
    stored = str(dict(portal.session))
    assert letter.token not in stored
    assert keys.parse(letter.code) not in stored


@pytest.mark.small
def test_what_follows_has_no_token_in_its_address(portal, letter):
    answer = portal.post("/cle/ouvrir/", {"cle": letter.code, "jeton": letter.token})
    assert answer["Location"] == PAGE
    assert "no-store" in answer["Cache-Control"]


# --- Queries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [1, 90])
def test_the_page_reads_as_much_whatever_the_licences(portal, nimes, school, units, django_assert_num_queries):
    _, link = send_key(nimes, school, units=units)
    open_link(portal, link)
    with django_assert_num_queries(4):
        portal.get(PAGE)
    user = PrincipalFactory()
    AffiliationFactory(user=user, school=school)
    portal.force_login(user)
    open_link(portal, link)
    with django_assert_num_queries(4):
        portal.get(PAGE)
