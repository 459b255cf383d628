"""The page « Supprimer mon compte »: consequences, password, sign-out."""

import pytest
from django.db import connection
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from accounts.sessions import Session
from licensing.entitlements import operations
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.sites.portal import identifiable_person
from tests.sites.portal.my_account_page import visible_text

PAGE = "/mon-compte/supprimer/"


@pytest.mark.slow
def test_the_page_lists_the_consequences_of_deletion(jaures, as_):
    _, subscription = jaures.subscription()
    operations.assign(subscription_id=subscription.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    page = visible_text(as_(jaures.principal).get(PAGE)).replace("\xa0", " ")
    assert f"rétablir le compte « {jaures.principal.username} »" in page
    assert "La licence que vous détenez pour École Jean Jaurès (Nîmes) redevient disponible" in page
    assert "Les 3 licences que vous avez activées pour École Jean Jaurès (Nîmes) restent à l’établissement" in page
    assert f"Un dernier e-mail part à {jaures.principal.email}" in page
    assert "journal" not in page


@pytest.mark.slow
def test_the_page_warns_of_a_subscription_that_nobody_could_administer_any_more(jaures, elsewhere, as_):
    principal = elsewhere(PrincipalFactory)
    code, key = jaures.key()
    type(key).objects.filter(pk=key.pk).update(school=None)
    operations.redeem(code=code, by=principal, at=TERM)
    assert "plus personne ne pourra en attribuer" in visible_text(as_(principal).get(PAGE))


@pytest.mark.slow
def test_with_the_password_the_account_is_deleted_and_every_browser_signed_out(nimes, as_, office):
    user = identifiable_person.create_person()
    elsewhere = office("nimes", user)
    browser = as_(user)
    answer = browser.post(PAGE, {"password": identifiable_person.PASSWORD}, follow=True)
    assert answer.request["PATH_INFO"] == "/"
    assert "votre compte est supprimé" in visible_text(answer)
    assert User.objects.get(pk=user.pk).erased_at is not None
    assert not Session.objects.filter(account=user.pk).exists()
    for one, path in ((browser, "/mon-compte/"), (elsewhere, "/")):
        assert one.get(path)["Location"].startswith("/connexion/")


@pytest.mark.slow
def test_a_wrong_password_is_reported_at_the_field_and_guesses_are_limited(nimes, as_):
    user = identifiable_person.create_person()
    browser = as_(user)
    answer = browser.post(PAGE, {"password": "autre-chose"})
    assert (answer.status_code, "Ce n’est pas votre mot de passe." in visible_text(answer)) == (422, True)
    assert browser.post(PAGE, {}).status_code == 422
    for _ in range(4):
        browser.post(PAGE, {"password": "autre-chose"})
    answer = browser.post(PAGE, {"password": identifiable_person.PASSWORD})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 600
    assert User.objects.get(pk=user.pk).is_active


@pytest.mark.slow
def test_the_old_username_is_unknown_and_may_be_chosen_again(nimes, portal):
    user = identifiable_person.create_person()
    identifiable_person.delete_account(user)
    answer = portal.post("/connexion/", {"login": "zquenouille", "password": identifiable_person.PASSWORD})
    assert "L’identifiant ou le mot de passe n’est pas le bon." in visible_text(answer)
    answer = portal.post("/connexion/", {"login": f"supprime-{user.pk}", "password": identifiable_person.PASSWORD})
    assert "L’identifiant ou le mot de passe n’est pas le bon." in visible_text(answer)
    assert UserFactory(username="zquenouille").pk != user.pk


@pytest.mark.slow
def test_a_forgotten_password_of_a_deleted_account_writes_to_nobody(nimes, portal):
    user = identifiable_person.create_person()
    identifiable_person.delete_account(user)
    portal.post("/mot-de-passe/oublie/", {"email": user.email})
    with schema_context(get_public_schema_name()):
        assert not Message.objects.filter(kind="account.reset").exists()


def test_my_account_links_to_both_pages(jaures, as_):
    page = as_(jaures.principal).get("/mon-compte/informations/").content.decode()
    assert 'href="/mon-compte/mes-donnees/"' in page
    assert f'href="{PAGE}"' in page


@pytest.mark.slow
def test_the_page_takes_a_constant_number_of_queries(jaures, as_, django_assert_num_queries):
    browser = as_(jaures.principal)
    jaures.subscription()
    browser.get(PAGE)
    with connection.execute_wrapper(asked := identifiable_person.StatementCounter()):
        browser.get(PAGE)
    for _ in range(3):
        _, more = jaures.subscription()
        operations.assign(subscription_id=more.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    with django_assert_num_queries(asked.times):
        browser.get(PAGE)
