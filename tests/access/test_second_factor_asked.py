"""Where a second factor is asked of managers, or of the operator: nothing is opened before it is there."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import second_factor as second_factors
from collectivities import operations
from collectivities.exceptions import SecondFactorFirst
from collectivities.models import AuditEntry, Invitation, OfficeSettings, Role
from tests.access.test_doors import OFFICE_DOORS, address
from tests.accounts.letters import PASSWORD, has_just_confirmed, outbox, sign_in
from tests.conftest import TERM
from tests.factories.accounts import UserFactory, code, second_factor
from tests.factories.collectivities import MemberFactory


@pytest.fixture
def asked(nimes):
    """The collectivity asks its managers for a second factor."""
    OfficeSettings.objects.create(managers_need_second_factor=True)


def to_activation(answer):
    return answer.status_code == 302 and answer["Location"].startswith("/securite/activer/?next=")


# --- Managers ---------------------------------------------------------------------------------------------------------


def test_a_manager_without_one_opens_no_page_of_the_office(office, asked):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER, Role.DATA_OFFICER, Role.BUYER]).user)
    opened = []
    for door in OFFICE_DOORS:
        path = address(door, dict.fromkeys(door.wants, 1))
        if not (to_activation(browser.get(path)) and to_activation(browser.post(path))):
            opened.append(door.name)
    assert len(OFFICE_DOORS) > 40
    assert opened == []


def test_nothing_is_done_on_the_way(office, asked):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    browser.post("/membres/inviter/", {"email": "awa@nimes.example", "roles": ["viewer"]})
    assert not Invitation.objects.exists()


def test_a_part_of_a_page_leads_the_whole_page_there(office, asked):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    assert browser.get("/", headers={"HX-Request": "true"})["HX-Redirect"] == "/securite/activer/?next=/"


def test_he_is_led_to_it_told_why_and_back_to_his_page(office, asked, can_sign_in):
    manager = can_sign_in(MemberFactory(roles=[Role.MANAGER]).user)
    browser = office("nimes")
    sign_in(browser, manager)
    answer = browser.get("/membres/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/verification/?next=")
    assert "demande à ses gestionnaires" in answer.content.decode()
    answer = browser.post(answer.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    secret = answer.context["form"].secret
    answer = browser.post("/securite/activer/", {"code": code(secret), "next": "/membres/"}, follow=True)
    assert 'href="/membres/"' in answer.content.decode()
    assert browser.get("/membres/").status_code == 200


def test_a_manager_with_one_works_as_before(office, asked):
    member = MemberFactory(roles=[Role.MANAGER])
    second_factor(member.user)
    assert office("nimes", member.user).get("/membres/").status_code == 200


@pytest.mark.parametrize("role", [Role.BUYER, Role.DATA_OFFICER, Role.VIEWER])
def test_other_roles_are_not_asked(office, asked, role):
    assert office("nimes", MemberFactory(roles=[role]).user).get("/membres/").status_code == 200


def test_it_is_asked_by_the_query_that_finds_the_member(office, asked, django_assert_max_num_queries):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    with django_assert_max_num_queries(6) as counted:
        browser.get("/membres/")
    about = [query["sql"] for query in counted.captured_queries if "mfa_authenticator" in query["sql"]]
    assert len(about) == 1
    assert "collectivities_member" in about[0]


def test_strangers_still_learn_nothing(office, asked):
    assert office("nimes", UserFactory()).get("/membres/").status_code == 404


# --- Asking for it ----------------------------------------------------------------------------------------------------


def test_a_manager_asks_for_it_when_he_has_one_himself(office, nimes):
    manager = MemberFactory(roles=[Role.MANAGER])
    other = MemberFactory(roles=[Role.MANAGER])
    browser = office("nimes", manager.user)
    answer = browser.post("/reglages/securite/", {"demander": "oui"})
    assert to_activation(answer)
    assert not OfficeSettings.objects.filter(managers_need_second_factor=True).exists()
    second_factor(manager.user)
    page = browser.post("/reglages/securite/", {"demander": "oui"}, follow=True).content.decode()
    assert "demandée aux gestionnaires" in page
    assert str(other.user) in page
    assert AuditEntry.objects.get().summary == "La double authentification est demandée aux gestionnaires."


def test_it_is_asked_no_longer(office, asked):
    manager = MemberFactory(roles=[Role.MANAGER])
    second_factor(manager.user)
    office("nimes", manager.user).post("/reglages/securite/", {"demander": "non"})
    assert not OfficeSettings.objects.get().managers_need_second_factor


def test_asking_twice_is_asking_once(nimes):
    manager = MemberFactory(roles=[Role.MANAGER]).user
    with pytest.raises(SecondFactorFirst):
        operations.ask_second_factor(needed=True, by=manager, at=TERM)
    second_factor(manager)
    for _ in range(2):
        operations.ask_second_factor(needed=True, by=manager, at=TERM)
    assert AuditEntry.objects.count() == 1


def test_what_e_mails_show_is_changed_without_touching_it(office, asked):
    manager = MemberFactory(roles=[Role.MANAGER])
    second_factor(manager.user)
    office("nimes", manager.user).post("/reglages/", {"sender_name": "Ville de Nîmes"})
    assert OfficeSettings.objects.get().managers_need_second_factor


# --- The operator -----------------------------------------------------------------------------------------------------


@pytest.fixture
def operator(db, settings):
    settings.OPERATOR_SECOND_FACTOR = True
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/", "/admin/rechercher/"])
def test_the_operator_without_one_is_led_to_it_and_opens_nothing(portal, operator, path):
    portal.force_login(operator)
    answer = portal.get(path, follow=True)
    assert answer.redirect_chain[1][0] == f"/securite/activer/?next={path}"
    assert "l&#x27;exploitation demande" in answer.content.decode()


def test_the_operator_with_one_enters(portal, operator):
    second_factor(operator)
    portal.force_login(operator)
    assert portal.get("/admin/").status_code == 200
    assert portal.get("/admin/login/")["Location"] == "/admin/"


def test_django_s_own_form_lets_nobody_in(portal, operator, can_sign_in):
    """It would take a password alone, from whoever is signed in."""
    can_sign_in(operator)
    second_factor(operator)
    other = UserFactory(is_staff=True, is_superuser=True)
    portal.force_login(other)
    portal.post("/admin/login/", {"username": operator.username, "password": PASSWORD})
    assert portal.session["_auth_user_id"] == str(other.pk)
    assert not second_factors.is_on(other)


def test_a_session_that_had_one_and_lost_it_is_led_to_it_again(portal, operator):
    second_factor(operator)
    portal.force_login(operator)
    has_just_confirmed(portal, operator)
    second_factors.switch_off(user=operator, host="peps.localhost", at=timezone.now())
    assert portal.get("/admin/").status_code == 302


# --- Lost telephones --------------------------------------------------------------------------------------------------


def test_the_operator_removes_it_for_whoever_has_lost_telephone_and_codes(portal, operator):
    second_factor(operator)
    person = UserFactory()
    second_factor(person)
    portal.force_login(operator)
    page = f"/admin/accounts/user/{person.pk}/double-authentification/"
    assert person.email in portal.get(page).content.decode()
    assert second_factors.is_on(person)
    portal.post(page)
    assert not second_factors.is_on(person)
    assert LogEntry.objects.get().object_id == str(person.pk)
    assert [letter.recipient for letter in outbox("account.second_factor_off")] == [person.email]
    assert "pas de double authentification" in portal.get(page).content.decode()


def test_the_operator_s_own_is_removed_by_a_command(operator):
    second_factor(operator)
    call_command("remove_second_factor", operator.username, verbosity=0)
    assert not second_factors.is_on(operator)
    with pytest.raises(CommandError, match="Aucun compte"):
        call_command("remove_second_factor", "personne-du-tout")
