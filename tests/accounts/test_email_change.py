"""Changing one's e-mail address: the old one stays until the new one is confirmed."""

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings

from accounts import throttling
from accounts.attempt_delays import PASSWORDS
from mailing.kinds import NoLongerDue
from tests.accounts.emails import PASSWORD, answer_resets, find_link, sign_in
from tests.accounts.waiting import let_pass
from tests.conftest import TERM, HostClient
from tests.emails import list_emails, render_email
from tests.factories.accounts import TeacherFactory, enable_second_factor

pytestmark = pytest.mark.slow

NEW = "nouvelle@exemple.example"


@pytest.fixture
def person(can_sign_in):
    return can_sign_in(TeacherFactory(email="ancienne@exemple.example"))


@pytest.fixture
def browser(portal, person):
    portal.force_login(person)
    return portal


def change(browser, person, **changes):
    fields = {"last_name": person.last_name, "first_name": person.first_name, "phone": "", "email": NEW}
    return browser.post("/mon-compte/informations/", {**fields, "old_password": PASSWORD, **changes}, follow=True)


def test_an_unconfirmed_address_changes_nothing(browser, person):
    page = change(browser, person).content.decode()
    assert f"<strong>{NEW}</strong> attend" in page
    assert "vous vous connectez comme avant" in page
    person.refresh_from_db()
    assert person.email == "ancienne@exemple.example"
    browser.post("/deconnexion/")
    assert sign_in(browser, person)["Location"] == "/mon-compte/"
    browser.post("/mot-de-passe/oublie/", {"email": NEW})
    assert answer_resets() == 0
    browser.post("/mot-de-passe/oublie/", {"email": person.email})
    assert answer_resets() == 1


def test_a_confirmed_address_replaces_the_old_one_which_is_notified(browser, person):
    change(browser, person)
    [asked] = list_emails("account.address_change_requested")
    assert asked.recipient == "ancienne@exemple.example"
    [email] = list_emails("account.confirm_new")
    assert email.recipient == NEW
    path = browser.open_link(find_link(render_email(email).text))
    assert NEW in browser.get(path).content.decode()
    assert f"{NEW} est désormais" in browser.post(path, follow=True).content.decode()
    person.refresh_from_db()
    assert person.email == NEW
    rows = EmailAddress.objects.filter(user=person)
    assert list(rows.values_list("email", "verified", "primary")) == [(NEW, True, True)]
    [data] = list_emails("account.address_changed")
    assert data.recipient == "ancienne@exemple.example"
    assert NEW not in render_email(data).text


@pytest.mark.small
def test_it_needs_the_password(browser, person):
    answer = change(browser, person, old_password="")
    assert "pour changer d’adresse e-mail" in answer.content.decode()
    assert list_emails("account.confirm_new") == []


def test_password_guesses_from_a_session_wait_as_at_the_sign_in(browser, person):
    for _ in range(PASSWORDS.at_network.free):
        change(browser, person, old_password="faux")
    answer = change(browser, person)
    assert "réessayez dans 5 secondes" in answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")


@pytest.mark.small
def test_other_fields_are_changed_without_the_password(browser, person):
    change(browser, person, email=person.email.upper(), old_password="", phone="01 45 72 00 00")
    person.refresh_from_db()
    assert (person.phone, person.email) == ("01 45 72 00 00", "ancienne@exemple.example")
    assert EmailAddress.objects.get(user=person).verified


def test_another_address_replaces_the_pending_one(browser, person):
    change(browser, person, email="faute@exemple.example")
    [first] = list_emails("account.confirm_new")
    change(browser, person)
    with pytest.raises(NoLongerDue):
        render_email(first)
    assert EmailAddress.objects.filter(user=person, verified=False).get().email == NEW


def test_a_pending_change_can_be_cancelled(browser, person):
    change(browser, person)
    [email] = list_emails("account.confirm_new")
    path = find_link(render_email(email).text)
    page = browser.post("/mon-compte/adresse/", {"faire": "garder"}, follow=True).content.decode()
    assert "Votre adresse reste ancienne@exemple.example" in page
    assert "plus de 3 jours" in browser.follow_link(path).content.decode()


def test_the_confirmation_is_asked_for_five_times_an_hour_and_sent_three_times(browser, person):
    change(browser, person)
    for _ in range(4):
        browser.post("/mon-compte/adresse/", {"faire": "renvoyer"})
    page = browser.post("/mon-compte/adresse/", {"faire": "renvoyer"}, follow=True).content.decode()
    assert "patientez" in page
    # No more than any mailbox gets: its owner may have asked for nothing.
    assert len(list_emails("account.confirm_new")) == 3
    assert len(list_emails("account.address_change_requested")) == 1


def test_a_pending_address_does_not_block_the_second_factor(browser, person):
    change(browser, person)
    enable_second_factor(person)
    assert "Gérer la double authentification" in browser.get("/mon-compte/informations/").content.decode()


def test_a_refused_form_changes_nothing(browser, person):
    for number in range(5):
        change(browser, person, email=f"n{number}@exemple.example")
    answer = change(browser, person, last_name="Autre")
    assert answer.status_code == 422
    person.refresh_from_db()
    assert person.last_name != "Autre"
    assert throttling.prune(before=TERM) == 0


def test_emails_are_found_by_the_account_id(browser, person):
    change(browser, person)
    for kind in ("account.confirm_new", "account.address_change_requested"):
        assert list_emails(kind)[0].context["user"] == person.pk


# --- « Changer de mot de passe » --------------------------------------------------------------------------------------


def test_a_password_change_waits_as_the_sign_in_does(browser, person):
    new = {"password1": "quatre-petits-chats", "password2": "quatre-petits-chats"}
    for _ in range(PASSWORDS.at_network.free - 1):
        sign_in(HostClient(settings.BASE_DOMAIN), person, "faux")
    answer = browser.post("/mot-de-passe/", {"oldpassword": "faux", **new})
    assert "pas votre mot de passe actuel" in answer.content.decode()
    answer = browser.post("/mot-de-passe/", {"oldpassword": PASSWORD, **new})
    assert "réessayez dans 5 secondes" in answer.content.decode()
    let_pass(PASSWORDS.at_network.first)
    browser.post("/mot-de-passe/", {"oldpassword": PASSWORD, **new})
    person.refresh_from_db()
    assert person.check_password("quatre-petits-chats")
