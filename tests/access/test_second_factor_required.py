"""Offices that require a second factor of their managers, and the operator's admin, which always does."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import second_factor as second_factors
from collectivities.exceptions import SecondFactorFirst
from collectivities.models import AuditEntry, Invitation, OfficeSettings, Role
from collectivities.operations import security as operations
from tests.access.routes import OFFICE_ROUTES, build_url
from tests.accounts.emails import PASSWORD, mark_reauthenticated, sign_in
from tests.conftest import TERM
from tests.emails import list_emails
from tests.factories.accounts import UserFactory, enable_second_factor, get_totp_code
from tests.factories.collectivities import MemberFactory


@pytest.fixture
def asked(nimes):
    """The collectivity requires a second factor of its managers."""
    OfficeSettings.objects.create(managers_need_second_factor=True)


def redirects_to_activation(answer):
    return answer.status_code == 302 and answer["Location"].startswith("/securite/activer/?next=")


# --- Managers ---------------------------------------------------------------------------------------------------------


def test_a_manager_without_a_second_factor_opens_no_office_page(office, asked):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER, Role.DATA_OFFICER, Role.BUYER]).user)
    opened = []
    for route in OFFICE_ROUTES:
        path = build_url(route, dict.fromkeys(route.arguments, 1))
        if not (redirects_to_activation(browser.get(path)) and redirects_to_activation(browser.post(path))):
            opened.append(route.name)
    assert len(OFFICE_ROUTES) > 40
    assert opened == []


def test_a_refused_post_changes_nothing(office, asked):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    browser.post("/membres/inviter/", {"email": "awa@nimes.example", "roles": ["viewer"]})
    assert not Invitation.objects.exists()


def test_an_htmx_request_redirects_the_full_page(office, asked):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    assert browser.get("/", headers={"HX-Request": "true"})["HX-Redirect"] == "/securite/activer/?next=/"


def test_a_manager_is_sent_to_set_it_up_with_a_reason_and_back_afterwards(office, asked, can_sign_in):
    manager = can_sign_in(MemberFactory(roles=[Role.MANAGER]).user)
    browser = office("nimes")
    sign_in(browser, manager)
    answer = browser.get("/membres/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/verification/?next=")
    assert "demande à ses gestionnaires" in answer.content.decode()
    answer = browser.post(answer.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    secret = answer.context["form"].secret
    answer = browser.post("/securite/activer/", {"code": get_totp_code(secret), "next": "/membres/"}, follow=True)
    assert 'href="/membres/"' in answer.content.decode()
    assert browser.get("/membres/").status_code == 200


def test_a_manager_with_a_second_factor_is_not_interrupted(office, asked):
    member = MemberFactory(roles=[Role.MANAGER])
    enable_second_factor(member.user)
    assert office("nimes", member.user).get("/membres/").status_code == 200


@pytest.mark.parametrize("role", [Role.BUYER, Role.DATA_OFFICER, Role.VIEWER])
def test_other_roles_need_no_second_factor(office, asked, role):
    assert office("nimes", MemberFactory(roles=[role]).user).get("/membres/").status_code == 200


def test_the_check_adds_no_query_to_the_member_lookup(office, asked, django_assert_max_num_queries):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    with django_assert_max_num_queries(6) as counted:
        browser.get("/membres/")
    about = [query["sql"] for query in counted.captured_queries if "mfa_authenticator" in query["sql"]]
    assert len(about) == 1
    assert "collectivities_member" in about[0]


def test_non_members_still_get_a_404(office, asked):
    assert office("nimes", UserFactory()).get("/membres/").status_code == 404


# --- Requiring it -----------------------------------------------------------------------------------------------------


def test_only_a_manager_with_a_second_factor_can_require_it(office, nimes):
    manager = MemberFactory(roles=[Role.MANAGER])
    other = MemberFactory(roles=[Role.MANAGER])
    browser = office("nimes", manager.user)
    answer = browser.post("/reglages/securite/", {"demander": "oui"})
    assert redirects_to_activation(answer)
    assert not OfficeSettings.objects.filter(managers_need_second_factor=True).exists()
    enable_second_factor(manager.user)
    page = browser.post("/reglages/securite/", {"demander": "oui"}, follow=True).content.decode()
    assert "demandée aux gestionnaires" in page
    assert str(other.user) in page
    assert AuditEntry.objects.get().summary == "La double authentification est demandée aux gestionnaires."


def test_the_requirement_can_be_lifted(office, asked):
    manager = MemberFactory(roles=[Role.MANAGER])
    enable_second_factor(manager.user)
    office("nimes", manager.user).post("/reglages/securite/", {"demander": "non"})
    assert not OfficeSettings.objects.get().managers_need_second_factor


def test_requiring_it_twice_is_recorded_once(nimes):
    manager = MemberFactory(roles=[Role.MANAGER]).user
    with pytest.raises(SecondFactorFirst):
        operations.set_second_factor_requirement(needed=True, by=manager, at=TERM)
    enable_second_factor(manager)
    for _ in range(2):
        operations.set_second_factor_requirement(needed=True, by=manager, at=TERM)
    assert AuditEntry.objects.count() == 1


def test_changing_the_email_settings_keeps_the_requirement(office, asked):
    manager = MemberFactory(roles=[Role.MANAGER])
    enable_second_factor(manager.user)
    office("nimes", manager.user).post("/reglages/", {"sender_name": "Ville de Nîmes"})
    assert OfficeSettings.objects.get().managers_need_second_factor


# --- The operator -----------------------------------------------------------------------------------------------------


@pytest.fixture
def operator(db, settings):
    settings.OPERATOR_SECOND_FACTOR = True
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/", "/admin/rechercher/"])
def test_the_operator_without_a_second_factor_is_sent_to_set_it_up(portal, operator, path):
    portal.force_login(operator)
    answer = portal.get(path, follow=True)
    assert answer.redirect_chain[1][0] == f"/securite/activer/?next={path}"
    assert "l&#x27;exploitation demande" in answer.content.decode()


def test_the_operator_with_a_second_factor_enters_the_admin(portal, operator):
    enable_second_factor(operator)
    portal.force_login(operator)
    assert portal.get("/admin/").status_code == 200
    assert portal.get("/admin/login/")["Location"] == "/admin/"


def test_the_django_admin_login_form_signs_nobody_in(portal, operator, can_sign_in):
    """Django's own form would accept a password alone."""
    can_sign_in(operator)
    enable_second_factor(operator)
    other = UserFactory(is_staff=True, is_superuser=True)
    portal.force_login(other)
    portal.post("/admin/login/", {"username": operator.username, "password": PASSWORD})
    assert portal.session["_auth_user_id"] == str(other.pk)
    assert not second_factors.is_enabled(other)


def test_a_session_whose_second_factor_was_removed_must_set_it_up_again(portal, operator):
    enable_second_factor(operator)
    portal.force_login(operator)
    mark_reauthenticated(portal, operator)
    second_factors.disable(user=operator, host="peps.localhost", at=timezone.now())
    assert portal.get("/admin/").status_code == 302


# --- Lost phones ------------------------------------------------------------------------------------------------------


def test_the_operator_resets_a_lost_second_factor(portal, operator):
    enable_second_factor(operator)
    person = UserFactory()
    enable_second_factor(person)
    portal.force_login(operator)
    page = f"/admin/accounts/user/{person.pk}/double-authentification/"
    assert person.email in portal.get(page).content.decode()
    assert second_factors.is_enabled(person)
    portal.post(page)
    assert not second_factors.is_enabled(person)
    assert LogEntry.objects.get().object_id == str(person.pk)
    assert [email.recipient for email in list_emails("account.second_factor_off")] == [person.email]
    assert "pas de double authentification" in portal.get(page).content.decode()


def test_a_command_resets_the_operators_own_second_factor(operator):
    enable_second_factor(operator)
    call_command("remove_second_factor", operator.username, verbosity=0)
    assert not second_factors.is_enabled(operator)
    with pytest.raises(CommandError, match="Aucun compte"):
        call_command("remove_second_factor", "personne-du-tout")
