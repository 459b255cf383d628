"""Offices that require a second factor of their managers, and the operator's admin, which always does."""

import datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts import second_factor as second_factors
from collectivities.capabilities import Role
from collectivities.exceptions import SecondFactorFirst
from collectivities.models import AuditEntry, Invitation, OfficeSettings
from collectivities.operations import offices as operations
from licensing.pools.operations import allocate
from mailing import kinds
from mailing.models import Message
from tests.access.routes import OFFICE_ROUTES, build_url
from tests.accounts.emails import PASSWORD, mark_reauthenticated, sign_in
from tests.accounts.software_passkey import add_software_passkey
from tests.conftest import TERM
from tests.emails import list_emails
from tests.factories.accounts import UserFactory, enable_second_factor, get_totp_code
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory

#: A member of this long has no grace left.
LONG_AGO = timezone.now() - datetime.timedelta(days=30)


@pytest.fixture
def asked(nimes):
    """The collectivity decided to require a second factor."""
    OfficeSettings.objects.create(second_factor_required=True)


@pytest.fixture
def on_a_server(nimes, settings):
    """The collectivity has not decided, and the platform requires a second factor."""
    settings.OFFICE_SECOND_FACTOR = True


def create_member(*roles, joined_at=LONG_AGO):
    return MemberFactory(roles=list(roles), joined_at=joined_at)


def redirects_to_enrolment(answer):
    return answer.status_code == 302 and answer["Location"].startswith("/securite/?next=")


# --- Managers and buyers ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.slow)])
def test_a_manager_without_a_second_factor_opens_no_office_page(office, asked, every):
    browser = office("nimes", create_member(Role.MANAGER, Role.DATA_OFFICER, Role.BUYER).user)
    opened = []
    for route in OFFICE_ROUTES[::every]:
        path = build_url(route, dict.fromkeys(route.arguments, 1))
        if not (redirects_to_enrolment(browser.get(path)) and redirects_to_enrolment(browser.post(path))):
            opened.append(route.name)
    assert len(OFFICE_ROUTES) > 40
    assert opened == []


def test_a_refused_post_changes_nothing(office, asked):
    browser = office("nimes", create_member(Role.MANAGER).user)
    browser.post("/membres/inviter/", {"email": "awa@nimes.example", "roles": ["viewer"]})
    assert not Invitation.objects.exists()


def test_an_htmx_request_redirects_the_full_page(office, asked):
    browser = office("nimes", create_member(Role.MANAGER).user)
    assert browser.get("/", headers={"HX-Request": "true"})["HX-Redirect"] == "/securite/?next=/"


@pytest.mark.slow
def test_a_manager_is_sent_to_set_it_up_with_a_reason_and_back_afterwards(office, asked, can_sign_in):
    manager = can_sign_in(create_member(Role.MANAGER).user)
    browser = office("nimes")
    sign_in(browser, manager)
    page = browser.get("/membres/", follow=True).content.decode()
    assert "demande la double authentification à ses gestionnaires" in page
    assert "Aucun téléphone n’est nécessaire" in page
    assert 'href="/securite/cles/ajouter/?next=%2Fmembres%2F"' in page
    answer = browser.get("/securite/activer/?next=/membres/", follow=True)
    answer = browser.post(answer.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    secret = answer.context["form"].secret
    answer = browser.post("/securite/activer/", {"code": get_totp_code(secret), "next": "/membres/"}, follow=True)
    assert 'href="/membres/"' in answer.content.decode()
    assert browser.get("/membres/").status_code == 200


def test_a_manager_with_a_second_factor_is_not_interrupted(office, asked):
    member = create_member(Role.MANAGER)
    enable_second_factor(member.user)
    page = office("nimes", member.user).get("/membres/")
    assert page.status_code == 200
    assert "pour protéger votre compte" not in page.content.decode()


def test_a_passkey_is_a_second_factor_for_an_office(office, asked):
    member = create_member(Role.MANAGER)
    add_software_passkey(member.user)
    assert office("nimes", member.user).get("/membres/").status_code == 200


@pytest.mark.parametrize("role", [Role.MANAGER, Role.BUYER])
def test_managers_and_buyers_need_one_where_the_office_has_not_decided(office, on_a_server, role):
    assert redirects_to_enrolment(office("nimes", create_member(role).user).get("/membres/"))


@pytest.mark.parametrize("role", [Role.DATA_OFFICER, Role.VIEWER])
def test_other_roles_need_no_second_factor(office, asked, role):
    assert office("nimes", create_member(role).user).get("/membres/").status_code == 200


def test_an_office_that_switched_it_off_asks_nobody(office, on_a_server):
    OfficeSettings.objects.create(second_factor_required=False)
    assert office("nimes", create_member(Role.MANAGER).user).get("/membres/").status_code == 200


def test_the_check_adds_one_query_to_the_member_lookup(office, on_a_server, django_assert_max_num_queries):
    browser = office("nimes", create_member(Role.MANAGER).user)
    with django_assert_max_num_queries(7) as counted:
        browser.get("/membres/")
    about = [query["sql"] for query in counted.captured_queries if "mfa_authenticator" in query["sql"]]
    assert len(about) == 1


def test_non_members_still_get_a_404(office, asked):
    assert office("nimes", UserFactory()).get("/membres/").status_code == 404


# --- A new member's seven days ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "shown"), [(0, "7 jours"), (3, "4 jours"), (6.5, "1 jour ")])
def test_a_new_member_has_seven_days_and_reads_how_many_are_left(office, on_a_server, days, shown):
    member = create_member(Role.BUYER, joined_at=timezone.now() - datetime.timedelta(days=days))
    page = office("nimes", member.user).get("/membres/?page=1").content.decode()
    assert f"Encore {shown}" in page
    assert 'href="/securite/?next=/membres/%3Fpage%3D1"' in page


def test_after_seven_days_the_office_leads_to_the_enrolment(office, on_a_server):
    member = create_member(Role.BUYER, joined_at=timezone.now() - datetime.timedelta(days=7, minutes=1))
    assert redirects_to_enrolment(office("nimes", member.user).get("/membres/"))


@pytest.mark.slow
def test_once_the_office_has_given_a_new_member_has_no_grace(office, on_a_server):
    member = create_member(Role.MANAGER, joined_at=timezone.now())
    browser = office("nimes", member.user)
    assert browser.get("/membres/").status_code == 200
    school = SchoolFactory()
    allocate(pool_id=PoolFactory().pk, uai=school.uai, units=1, recipient=school.email, by=None, at=TERM)
    assert redirects_to_enrolment(browser.get("/membres/"))


def test_what_another_office_gave_ends_no_grace(office, on_a_server, gard):
    with tenant_context(gard):
        school = SchoolFactory()
        allocate(pool_id=PoolFactory().pk, uai=school.uai, units=1, recipient=school.email, by=None, at=TERM)
    member = create_member(Role.MANAGER, joined_at=timezone.now())
    assert office("nimes", member.user).get("/membres/").status_code == 200


# --- Requiring it -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_only_a_manager_with_a_second_factor_can_require_it(office, nimes):
    manager, other = create_member(Role.MANAGER), create_member(Role.BUYER)
    browser = office("nimes", manager.user)
    answer = browser.post("/reglages/securite/", {"demander": "oui"})
    assert redirects_to_enrolment(answer)
    assert not OfficeSettings.objects.filter(second_factor_required=True).exists()
    enable_second_factor(manager.user)
    assert str(other.user) in browser.get("/reglages/securite/").content.decode()
    page = browser.post("/reglages/securite/", {"demander": "oui"}, follow=True).content.decode()
    assert "demandée aux gestionnaires et aux acheteurs" in page
    assert AuditEntry.objects.get().action == "settings.second_factor_required"


@pytest.mark.parametrize("needed", ["oui", "non"])
def test_switching_it_asks_for_the_password_anew(office, nimes, can_sign_in, needed):
    OfficeSettings.objects.create(second_factor_required=needed == "non")
    manager = can_sign_in(create_member(Role.MANAGER).user)
    enable_second_factor(manager)
    browser = office("nimes", manager, confirmed=False)
    answer = browser.post("/reglages/securite/", {"demander": needed})
    assert "saisissez à nouveau votre mot de passe" in answer.content.decode()
    assert OfficeSettings.objects.get().second_factor_required == (needed == "non")


@pytest.mark.slow
@pytest.mark.parametrize("default", [True, False])
def test_the_requirement_can_be_lifted_and_other_managers_get_an_email(office, nimes, settings, default):
    settings.OFFICE_SECOND_FACTOR = default
    OfficeSettings.objects.create(second_factor_required=None if default else True)
    manager, other = create_member(Role.MANAGER), create_member(Role.MANAGER)
    create_member(Role.BUYER)
    enable_second_factor(manager.user)
    browser = office("nimes", manager.user)
    assert "Un mot de passe deviné ou volé suffira" in browser.get("/reglages/securite/").content.decode()
    browser.post("/reglages/securite/", {"demander": "non"})
    assert OfficeSettings.objects.get().second_factor_required is False
    assert AuditEntry.objects.get().action == "settings.second_factor_optional"
    email = Message.objects.get(kind="second_factor_rule")
    assert email.recipient == other.user.email
    text = kinds.get(email.kind).render(email).text
    assert manager.user.username in text
    assert "vient de lever l'obligation" in text


def test_requiring_it_twice_is_recorded_once(nimes):
    manager = MemberFactory(roles=[Role.MANAGER]).user
    MemberFactory(roles=[Role.MANAGER])
    with pytest.raises(SecondFactorFirst):
        operations.set_second_factor_requirement(needed=True, by=manager, at=TERM)
    enable_second_factor(manager)
    for _ in range(2):
        operations.set_second_factor_requirement(needed=True, by=manager, at=TERM)
    assert AuditEntry.objects.count() == 1
    assert Message.objects.filter(kind="second_factor_rule").count() == 1


def test_changing_the_email_settings_keeps_the_requirement(office, asked):
    manager = create_member(Role.MANAGER)
    enable_second_factor(manager.user)
    office("nimes", manager.user).post(
        "/reglages/", {"sender_name": "Ville de Nîmes", "contact_name": "Nora", "contact_phone": "0466000000"}
    )
    assert OfficeSettings.objects.get().second_factor_required


# --- The operator -----------------------------------------------------------------------------------------------------


@pytest.fixture
def operator(db, settings):
    settings.OPERATOR_SECOND_FACTOR = True
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/", "/admin/rechercher/"])
def test_the_operator_without_a_second_factor_is_sent_to_set_it_up(portal, operator, path):
    portal.force_login(operator)
    answer = portal.get(path, follow=True)
    assert answer.redirect_chain[1][0] == f"/securite/?next={path}"
    assert "l’exploitation demande" in answer.content.decode()


@pytest.mark.slow
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


@pytest.mark.slow
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
