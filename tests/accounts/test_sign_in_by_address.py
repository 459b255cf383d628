"""Signing in with an e-mail address: where it is one account's, and without telling whether it is anybody's."""

import pytest
from allauth.account.models import EmailAddress

from tests.accounts.emails import PASSWORD
from tests.factories.accounts import PrincipalFactory, TeacherFactory

ADDRESS = "camille@exemple.example"


def sign_in(browser, login, password=PASSWORD):
    return browser.post("/connexion/", {"login": login, "password": password})


def test_the_confirmed_address_of_one_account_signs_it_in(portal, can_sign_in):
    user = can_sign_in(PrincipalFactory(email=ADDRESS))
    assert sign_in(portal, " Camille@Exemple.example ")["Location"] == "/mon-compte/"
    assert portal.session["_auth_user_id"] == str(user.pk)


def test_an_address_of_two_accounts_signs_nobody_in(portal, can_sign_in):
    for _ in range(2):
        can_sign_in(TeacherFactory(email=ADDRESS))
    assert sign_in(portal, ADDRESS).status_code == 200


@pytest.mark.parametrize("state", ["unconfirmed", "pending", "inactive"])
def test_an_address_that_is_not_an_account_s_own_signs_nobody_in(portal, can_sign_in, state):
    if state == "unconfirmed":
        user = TeacherFactory(email=ADDRESS)
        user.set_password(PASSWORD)
        user.save()
        EmailAddress.objects.create(user=user, email=ADDRESS, primary=True, verified=False)
    else:
        user = can_sign_in(TeacherFactory(email=ADDRESS if state == "inactive" else "autre@exemple.example"))
        EmailAddress.objects.get_or_create(user=user, email=ADDRESS, defaults={"primary": False, "verified": False})
        user.is_active = state != "inactive"
        user.save()
    assert sign_in(portal, ADDRESS).status_code == 200


def test_a_username_that_looks_like_an_address_comes_first(portal, can_sign_in):
    can_sign_in(TeacherFactory(email=ADDRESS))
    named = can_sign_in(TeacherFactory(username=ADDRESS, email="autre@exemple.example"))
    sign_in(portal, ADDRESS)
    assert portal.session["_auth_user_id"] == str(named.pk)


@pytest.mark.slow
def test_a_known_and_an_unknown_address_get_the_same_answer_in_as_many_queries(
    portal, can_sign_in, django_assert_num_queries
):
    can_sign_in(TeacherFactory(email=ADDRESS))
    can_sign_in(TeacherFactory(email=ADDRESS))
    alone = can_sign_in(TeacherFactory())
    answers = []
    # The first warms caches up.
    for login in ("rien@exemple.example", "personne@exemple.example", ADDRESS, alone.email):
        sign_in(portal, "echauffement@exemple.example", "faux")
        portal.cookies.clear()
        with django_assert_num_queries(11):
            answers.append(sign_in(portal, login, "faux"))
        portal.cookies.clear()
    assert len({str(answer.context["form"].errors) for answer in answers}) == 1
