"""« Demander l'application »: the managers learn by e-mail and at home of an import that awaits them."""

from __future__ import annotations

import pytest

from collectivities.models import AuditEntry, Member, Role
from imports import operations, tasks
from imports.enums import APPLICATION_REQUESTED
from imports.exceptions import NobodyToAsk, NotEnoughLicences, NothingToApply
from imports.models import SpreadsheetImport
from mailing import kinds
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv


@pytest.fixture
def data_officer(nimes):
    return MemberFactory(roles=[Role.DATA_OFFICER], user__first_name="Nora", user__last_name="Martin").user


@pytest.fixture
def boss(nimes):
    return MemberFactory(roles=[Role.MANAGER], user__email="boss@nimes.example").user


@pytest.fixture
def checked(pool, boss):
    return upload_and_parse(pool, schools_csv((SchoolFactory(), 3), (SchoolFactory(), 4)))


def request(spreadsheet_import, by):
    return operations.request_application(import_id=spreadsheet_import.pk, by=by, at=TERM)


def test_the_managers_are_asked_by_e_mail_and_at_home(office, checked, data_officer, boss):
    officer = office("nimes", data_officer)
    assert "Demander l’application" in page_text(officer.get(import_url("detail", checked.pk)))
    page = page_text(officer.post(import_url("request_application", checked.pk), follow=True))
    assert "la demande est envoyée aux gestionnaires" in page
    assert "application demandée le" in page
    assert "par Nora Martin" in page
    message = Message.objects.get(kind=APPLICATION_REQUESTED)
    assert (message.recipient, message.topic_id) == ("boss@nimes.example", checked.pk)
    rendered = kinds.get(APPLICATION_REQUESTED).render(message)
    assert "Nora Martin demande d'appliquer le tableau « écoles.csv »" in rendered.text.replace("\u00a0", " ")
    assert "7 licences" in rendered.text.replace("\u00a0", " ")
    assert f"/imports/{checked.pk}/" in rendered.text
    home = page_text(office("nimes", boss).get("/"))
    assert "Nora Martin demande d'appliquer « écoles.csv »" in home
    assert import_url("detail", checked.pk) in home
    assert "tableau attend" not in home


def test_who_asked_and_who_applied_stand_in_the_journal(office, checked, data_officer, boss):
    request(checked, data_officer)
    manager = office("nimes", boss)
    digest = manager.get(import_url("confirm", checked.pk)).context["form"].initial["digest"]
    manager.post(import_url("confirm", checked.pk), {"digest": digest, "when": "now"})
    checked.refresh_from_db()
    tasks.apply(import_id=checked.pk)
    entries = AuditEntry.objects.filter(object_type="import", object_id=checked.pk)
    actors = dict(entries.values_list("action", "actor_id"))
    assert actors["import.application_requested"] == data_officer.pk
    assert actors["import.applied"] == boss.pk


def test_asking_twice_writes_once(checked, data_officer):
    request(checked, data_officer)
    request(checked, data_officer)
    assert Message.objects.filter(kind=APPLICATION_REQUESTED).count() == 1


def test_what_cannot_be_applied_is_not_asked_for(pool, boss, data_officer):
    empty = upload_and_parse(pool, schools_csv((SchoolFactory(), "x")))
    with pytest.raises(NothingToApply):
        request(empty, data_officer)
    much = upload_and_parse(pool, schools_csv((SchoolFactory(), 101)), filename="b.csv")
    with pytest.raises(NotEnoughLicences):
        request(much, data_officer)
    assert not SpreadsheetImport.objects.exclude(requested_at=None).exists()


def test_without_another_manager_nobody_is_asked(checked, data_officer, boss):
    Member.objects.filter(user=boss).update(left_at=TERM)
    with pytest.raises(NobodyToAsk):
        request(checked, data_officer)
    checked.refresh_from_db()
    assert checked.requested_at is None


def test_a_request_ends_when_the_file_is_read_anew(checked, data_officer):
    request(checked, data_officer)
    operations.choose_layout(
        import_id=checked.pk, sheets=None, header_row=None, columns={}, units_for_all=None, by=None, at=TERM
    )
    checked.refresh_from_db()
    assert (checked.requested_at, checked.requested_by_id) == (None, None)


def test_an_import_applied_meanwhile_is_asked_about_no_more(checked, data_officer):
    request(checked, data_officer)
    message = Message.objects.get(kind=APPLICATION_REQUESTED)
    confirm_and_apply(checked)
    with pytest.raises(kinds.NoLongerDue):
        kinds.get(APPLICATION_REQUESTED).render(message)
    assert kinds.get(APPLICATION_REQUESTED).preview(message).subject
