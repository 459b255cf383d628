"""The accounts' journal: sign-ins, failures, second factors, names; for the operator and the members' offices."""

import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts import account_journal, second_factor
from accounts.models import SEALED_ACCOUNT_EVENTS, AccountEvent, AccountEventSeal, User
from accounts.personal_data import export_personal_data, update_personal_details
from accounts.tasks import delete_old_account_events, seal_account_journal
from collectivities import personal_data
from collectivities import tasks as office_tasks
from collectivities.models import AuditEntry
from sites.audit.checks import check_all
from tenants.models import Collectivity
from tests.accounts.emails import PASSWORD, sign_in
from tests.conftest import TERM
from tests.database_roles import execute_as_administrator
from tests.factories.accounts import PrincipalFactory, UserFactory, enable_second_factor, get_totp_code
from tests.factories.collectivities import MemberFactory
from tests.figures import raised_figures
from tests.waiting_jobs import list_waiting_jobs

Action = AccountEvent.Action


@pytest.fixture
def awa(db, can_sign_in):
    return can_sign_in(UserFactory(username="adiop", first_name="Awa", last_name="Diop"))


def list_events(**fields):
    return [(event.action, event.username) for event in AccountEvent.objects.filter(**fields).order_by("pk")]


def run_jobs_of_offices():
    """Run what the account's events have queued for the offices."""
    for job in list_waiting_jobs("collectivities.notify_offices"):
        office_tasks.notify_offices(event_id=job["args"]["event_id"])
    for job in list_waiting_jobs("collectivities.note_account_event"):
        with tenant_context(Collectivity.objects.get(schema_name=job["args"]["schema"])):
            office_tasks.note_account_event(event_id=job["args"]["event_id"])


def list_entries(collectivity):
    with tenant_context(collectivity):
        entries = AuditEntry.objects.filter(action__startswith="accounts.").order_by("pk")
        return [(entry.actor, entry.summary) for entry in entries]


# --- The portal and the operator --------------------------------------------------------------------------------------


def test_a_sign_in_is_written_with_its_host_and_address(awa, portal):
    sign_in(portal, awa)
    event = AccountEvent.objects.get()
    assert (event.action, event.username, event.account_id) == (Action.SIGNED_IN, "adiop", awa.pk)
    assert (event.host, event.address) == ("peps.localhost", "127.0.0.1")
    assert event.by_id is None


def test_a_wrong_password_is_written_once(awa, portal):
    portal.post("/connexion/", {"login": "adiop", "password": "pas le bon du tout"})
    assert list_events() == [(Action.PASSWORD_REFUSED, "adiop")]


def test_a_name_that_no_account_has_is_not_kept(db, portal):
    portal.post("/connexion/", {"login": "mon-mot-de-passe", "password": "mon-mot-de-passe"})
    assert list_events() == [(Action.PASSWORD_REFUSED, "")]
    assert "mon-mot" not in str(AccountEvent.objects.values().get())


@pytest.mark.slow
def test_the_second_factor_is_written_with_its_failures(awa, portal):
    secret = enable_second_factor(awa)
    sign_in(portal, awa)
    portal.post("/securite/code/", {"code": "000000"})
    portal.post("/securite/code/", {"code": get_totp_code(secret)})
    second_factor.renew_recovery_codes(user=awa, host="peps.localhost", at=TERM)
    second_factor.disable(user=awa, host="peps.localhost", at=TERM)
    actions = [action for action, _ in list_events(account_id=awa.pk)]
    assert actions[-4:] == [Action.CODE_REFUSED, Action.SIGNED_IN, Action.RECOVERY_CODES, Action.SECOND_FACTOR_OFF]


def test_a_new_name_and_a_new_password_are_written(awa):
    details = {"last_name": "Autre", "first_name": "Une", "phone": "", "email": awa.email}
    update_personal_details(user=awa, **details, new_password="encore-un-secret-12", host="peps.localhost", at=TERM)
    assert [event.summary for event in AccountEvent.objects.order_by("pk")] == [
        "Nom changé : « Awa Diop » devient « Une Autre ».",
        "Mot de passe changé.",
    ]
    update_personal_details(user=awa, **details, new_password="", host="peps.localhost", at=TERM)
    assert AccountEvent.objects.count() == 2


def test_what_the_operator_does_to_an_account_is_written_with_the_operator(awa, portal):
    operator = UserFactory(username="exploitante", is_staff=True, is_superuser=True)
    portal.force_login(operator)
    form = {"last_name": "Diop-Ba", "first_name": "Awa", "phone": "", "is_active": ""}
    answer = portal.post(f"/admin/accounts/user/{awa.pk}/change/", form)
    assert answer.status_code == 302
    events = AccountEvent.objects.filter(account_id=awa.pk).order_by("pk")
    assert [(event.action, event.by_username) for event in events] == [
        (Action.RENAMED, "exploitante"),
        (Action.DISABLED, "exploitante"),
    ]


@pytest.mark.as_owner
def test_a_new_operator_is_written(db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, username="exploitante", email="e@peps.example")
    assert list_events() == [(Action.OPERATOR_CREATED, "exploitante")]


def test_without_the_owner_the_command_makes_no_operator_and_says_what_to_do(db, settings):
    settings.DATABASE_OWNER = None
    with pytest.raises(CommandError, match="indiquez son adresse dans OWNER_DATABASE_URL"):
        call_command("createsuperuser", interactive=False, username="exploitante", email="e@peps.example")
    assert not User.objects.exists()


@pytest.mark.slow
def test_the_operator_reads_the_journal_and_changes_nothing(awa, portal):
    sign_in(portal, awa)
    event = AccountEvent.objects.get()
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    page = portal.get("/admin/accounts/accountevent/?q=adiop").content.decode()
    assert "Connexion." in page
    assert portal.get(f"/admin/accounts/accountevent/{event.pk}/change/").status_code == 200
    assert portal.post(f"/admin/accounts/accountevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403


def test_nobody_else_reads_the_journal(awa, nimes, portal, office):
    MemberFactory(user=awa, roles=["manager"])
    portal.force_login(awa)
    assert portal.get("/admin/accounts/accountevent/").status_code in {302, 403}
    assert office("nimes", awa).get("/admin/accounts/accountevent/").status_code == 404


def test_an_account_reads_its_own_events_in_its_export(awa, portal):
    sign_in(portal, awa)
    account_journal.record_event(Action.SIGNED_IN, user=PrincipalFactory(), at=TERM)
    [event] = export_personal_data(awa)["journal du compte"]
    assert (event["événement"], event["adresse IP"]) == ("Connexion.", "127.0.0.1")


# --- The offices ------------------------------------------------------------------------------------------------------


def test_a_member_s_sign_in_and_failure_are_in_the_journal_of_that_office_alone(awa, nimes, gard, office):
    MemberFactory(user=awa)
    browser = office("nimes")
    browser.post("/connexion/", {"login": "adiop", "password": "pas le bon du tout"})
    sign_in(browser, awa)
    with tenant_context(gard):
        MemberFactory(user=awa)
    run_jobs_of_offices()
    run_jobs_of_offices()
    assert list_entries(nimes) == [
        ("Pep's", "Mot de passe refusé au compte « adiop »."),
        ("Awa Diop (adiop)", "Connexion."),
    ]
    assert list_entries(gard) == []


def test_an_office_does_not_learn_who_else_tried(awa, nimes, office):
    sign_in(office("nimes"), awa)
    run_jobs_of_offices()
    assert len(list_events()) == 1
    assert list_entries(nimes) == []


def test_every_office_of_a_member_learns_a_new_name(awa, nimes, gard):
    MemberFactory(user=awa)
    with tenant_context(gard):
        MemberFactory(user=awa)
    update_personal_details(
        user=awa, last_name="Autre", first_name="Une", phone="", email=awa.email, new_password="", host="x", at=TERM
    )
    run_jobs_of_offices()
    expected = [("Une Autre (adiop)", "Nom changé : « Awa Diop » devient « Une Autre ».")]
    assert list_entries(nimes) == list_entries(gard) == expected


def test_nothing_more_is_noted_of_a_member_who_left(awa, nimes):
    MemberFactory(user=awa, left_at=TERM)
    account_journal.record_event(Action.PASSWORD_CHANGED, user=awa, at=TERM)
    run_jobs_of_offices()
    assert list_entries(nimes) == []


def test_what_the_operator_does_is_noted_without_the_member_as_author(awa, nimes):
    MemberFactory(user=awa)
    second_factor.enable(user=awa, secret="A" * 32, host="x", at=TERM)
    second_factor.disable(user=awa, host="x", at=TERM, by=UserFactory(username="exploitante"))
    run_jobs_of_offices()
    assert list_entries(nimes)[-1] == (
        "Pep's",
        "Double authentification retirée, par l'exploitation du site (compte « adiop »).",
    )


@pytest.mark.slow
def test_a_stranger_does_not_fill_the_journal_of_an_office(awa, nimes):
    MemberFactory(user=awa)
    limit = personal_data.MAX_REFUSALS_A_DAY
    minutes = [TERM + n * datetime.timedelta(minutes=1) for n in range(limit + 5)]
    for moment in [*minutes, TERM + datetime.timedelta(days=2)]:
        personal_data.note_event(account_journal.record_event(Action.PASSWORD_REFUSED, user=awa, at=moment).pk)
    summaries = [summary for _, summary in list_entries(nimes)]
    assert len(summaries) == limit + 1
    assert [n for n, summary in enumerate(summaries) if "ne sont plus inscrits" in summary] == [limit - 1]
    assert AccountEvent.objects.count() == limit + 6


def test_a_refused_name_that_no_account_has_reaches_no_office(awa, nimes):
    MemberFactory(user=awa)
    event = account_journal.record_event(Action.PASSWORD_REFUSED, user=None, at=TERM)
    assert (personal_data.notify_offices(event.pk), personal_data.note_event(event.pk)) == (0, False)
    assert list_entries(nimes) == []


def test_an_event_is_noted_once(awa, nimes):
    MemberFactory(user=awa)
    event = account_journal.record_event(Action.PASSWORD_CHANGED, user=awa, at=TERM)
    assert personal_data.note_event(event.pk)
    assert not personal_data.note_event(event.pk)


# --- Written once, kept a year ----------------------------------------------------------------------------------------


@pytest.fixture
def sealed(awa):
    """An event of now, sealed."""
    event = account_journal.record_event(Action.SIGNED_IN, user=awa, at=timezone.now())
    seal_account_journal()
    return event


@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
@pytest.mark.parametrize(("table", "column"), [("accountevent", "summary"), ("accounteventseal", "hash")])
def test_an_event_is_neither_changed_nor_deleted_even_by_a_superuser(sealed, statement, table, column):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        execute_as_administrator(statement.format(f"accounts_{table}", column, column), with_triggers=True)


@pytest.mark.slow
def test_the_audit_names_the_changed_event(sealed):
    execute_as_administrator("UPDATE accounts_accountevent SET username = 'autre'")
    [finding] = [finding for finding in check_all() if finding.code == "journals"]
    assert finding.examples == [f"comptes : ligne n° {sealed.pk} : modifiée depuis son scellement"]


@pytest.mark.slow
def test_events_are_deleted_with_their_seal_after_a_year_and_the_audit_stays_sound(awa, sealed):
    long_ago = timezone.now() - datetime.timedelta(days=400)
    execute_as_administrator("DELETE FROM accounts_accounteventseal")
    execute_as_administrator("DELETE FROM accounts_accountevent")
    account_journal.record_event(Action.SIGNED_IN, user=awa, at=long_ago)
    SEALED_ACCOUNT_EVENTS.seal_new_entries(at=long_ago)
    recent = account_journal.record_event(Action.SIGNED_IN, user=awa, at=timezone.now())
    seal_account_journal()
    delete_old_account_events()
    assert list(AccountEvent.objects.all()) == [recent]
    assert [seal.number for seal in AccountEventSeal.objects.all()] == [2]
    assert not any(finding.broken for finding in check_all() if finding.code == "journals")


def test_a_username_s_case_does_not_hide_the_account(awa):
    assert account_journal.find_account({"username": " ADIOP "}) == User.objects.get(pk=awa.pk)


def test_sign_ins_and_refusals_are_counted(portal, can_sign_in):
    user = can_sign_in(UserFactory())
    with raised_figures() as raised:
        portal.post("/connexion/", {"login": user.username, "password": "faux"})
        portal.post("/connexion/", {"login": user.username, "password": PASSWORD})
    counted = {name: value for name, value in raised.items() if name.startswith("peps_account")}
    assert counted == {"peps_account_events_total password_refused": 1, "peps_account_events_total signed_in": 1}
