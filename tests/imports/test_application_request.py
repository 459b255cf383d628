"""« Demander l'application »: the managers learn by e-mail and at home of an import that awaits them."""

import pytest

from collectivities.capabilities import Role
from collectivities.models import AuditEntry, Member
from imports import tasks
from imports.enums import APPLICATION_ANSWERED, APPLICATION_REQUESTED, ImportState, RequestAnswer
from imports.exceptions import NothingToApply
from imports.models import SpreadsheetImport
from imports.operations import application_requests, cancellation, intake, row_edits, undo_import
from licensing.pools import operations as pools
from mailing import kinds
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import build_annotated, confirm_and_apply, upload_and_parse, upload_corrected
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import build_xlsx, schools_csv
from tests.refusals import refuses

pytestmark = pytest.mark.slow


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
    return application_requests.request_application(import_id=spreadsheet_import.pk, by=by, at=TERM)


def read_email(message):
    """Return the text of an e-mail, with plain spaces."""
    return kinds.get(message.kind).render(message).text.replace("\u00a0", " ")


def amend(spreadsheet_import, number, **changes):
    row_edits.amend_row(import_id=spreadsheet_import.pk, number=number, by=None, at=TERM, **changes)


def test_the_managers_are_asked_by_e_mail_and_at_home(office, checked, data_officer, boss):
    officer = office("nimes", data_officer)
    assert "Demander l’application" in page_text(officer.get(import_url("detail", checked.pk)))
    first = page_text(officer.get(import_url("request_application", checked.pk)))
    assert f"<strong>1 e-mail</strong> part aussitôt, à {boss}." in first
    assert "<strong>2 écoles</strong> et <strong>7 licences</strong>" in first
    assert "n’est attribué avant sa confirmation." in " ".join(first.split())
    assert not Message.objects.exists()
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
    assert "Nora Martin demande d’appliquer « écoles.csv » : 7 licences." in home
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
    with refuses("not_enough_licences"):
        request(much, data_officer)
    assert not SpreadsheetImport.objects.exclude(requested_at=None).exists()


@pytest.mark.small
def test_without_another_manager_nobody_is_asked(checked, data_officer, boss):
    Member.objects.filter(user=boss).update(left_at=TERM)
    with refuses("nobody_to_ask"):
        request(checked, data_officer)
    checked.refresh_from_db()
    assert checked.requested_at is None


def test_a_request_ends_when_the_file_is_read_anew(checked, data_officer):
    request(checked, data_officer)
    intake.choose_layout(
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


# After the request


def test_a_change_after_the_request_is_shown_everywhere_and_asked_for_anew(office, checked, data_officer, boss):
    request(checked, data_officer)
    officer, manager = office("nimes", data_officer), office("nimes", boss)
    address = import_url("detail", checked.pk)
    assert "en attente : 7 licences" in page_text(officer.get(address))
    assert "Redemander" not in page_text(officer.get(address))
    assert "qu’on vous l’a demandé" not in page_text(manager.get(import_url("confirm", checked.pk)))
    amend(checked, 2, edits={"units": "10"})
    changed = "demandé pour 7 licences, le tableau en compte maintenant 14"
    for address_of_all in ("/", import_url("list")):
        for client, asked in ((officer, f"demandé à {boss} le 24 novembre 2026"), (manager, "")):
            listed = page_text(client.get(address_of_all))
            assert changed in listed
            assert asked in listed
            assert "en attente" not in listed, address_of_all
    page = page_text(officer.get(address))
    assert changed in page
    assert "Redemander l’application" in page
    assert "en attente" not in page
    assert changed in page_text(manager.get(address))
    assert changed in page_text(manager.get(import_url("confirm", checked.pk)))
    assert changed in page_text(manager.get("/"))
    request(checked, data_officer)
    states = Message.objects.filter(kind=APPLICATION_REQUESTED).order_by("pk").values_list("state", flat=True)
    assert list(states) == ["cancelled", "queued"]
    text = read_email(Message.objects.latest("pk"))
    assert "Il prendrait 14 licences" in text
    assert "Cette demande remplace la précédente, qui portait sur 7 licences." in text
    assert changed not in page_text(officer.get(address))


def test_other_schools_for_the_same_number_are_a_change(office, checked, data_officer):
    request(checked, data_officer)
    amend(checked, 2, edits={"uai": SchoolFactory().uai})
    officer = office("nimes", data_officer)
    for address in (import_url("detail", checked.pk), import_url("list"), "/"):
        assert "des lignes ont changé depuis la demande" in page_text(officer.get(address)), address


def test_the_message_of_a_request_goes_with_the_change_after_it(office, checked, data_officer):
    officer, row = office("nimes", data_officer), import_url("row", checked.pk, 0, 2)
    emptied = '<div id="messages" class="messages" aria-live="polite" hx-swap-oob="true"></div>'
    change = {"action": "tick", "ticked": "1"}
    request(checked, data_officer)
    assert emptied not in page_text(officer.post(row, change, headers={"HX-Request": "true"}))
    assert emptied in page_text(officer.post(row, {"action": "tick"}, headers={"HX-Request": "true"}))


def test_who_asked_reads_whom_they_wait_for(office, checked, data_officer, boss):
    officer = office("nimes", data_officer)
    assert "1 tableau attend votre vérification" in page_text(officer.get("/"))
    request(checked, data_officer)
    wait = f"demandé à {boss} le 24 novembre 2026, en attente"
    home = page_text(officer.get("/"))
    assert f"« {checked.filename} » : {wait}." in home
    assert "votre vérification" not in home
    shown = page_text(officer.get(import_url("list")))
    assert "Application demandée</span>" in shown
    assert wait in shown
    detail = " ".join(page_text(officer.get(import_url("detail", checked.pk))).split())
    steps = detail[detail.index('class="import-steps"') :].partition("</ol>")[0]
    assert steps.partition('aria-current="step"')[2].replace("> ", ">").startswith(f">Application, {wait}"), steps
    amend(checked, 2, edits={"units": "10"})
    assert '<li aria-current="step">Vérification</li>' in page_text(officer.get(import_url("detail", checked.pk)))


def test_a_manager_still_reads_that_a_requested_import_is_to_be_verified(office, checked, data_officer, boss):
    request(checked, data_officer)
    manager = office("nimes", boss)
    shown = page_text(manager.get(import_url("list")))
    assert f'À vérifier</span><br><span class="text-secondary">demandé par {data_officer}</span>' in shown
    for state, is_shown in (("requested", True), ("checked", False)):
        page = page_text(manager.get(import_url("list"), {"state": state}))
        assert (checked.filename in page.split("<table")[-1]) == is_shown, state


def test_many_managers_are_named_in_part(checked, data_officer):
    request(checked, data_officer)
    checked.refresh_from_db()
    people = [MemberFactory(user__first_name="A", user__last_name=name).user for name in "BCDEF"]
    assert "demandé à A B, A C, A D et 2 autres le" in application_requests.describe_wait(checked, people).replace(
        "\u00a0", " "
    )
    assert application_requests.describe_wait(checked, []).startswith("demandé le")


def test_a_request_is_withdrawn(office, checked, data_officer, boss):
    request(checked, data_officer)
    officer = office("nimes", data_officer)
    page = page_text(officer.post(import_url("withdraw_request", checked.pk), follow=True))
    assert "la demande est retirée" in page
    assert "Demander l’application" in page
    assert "demande d’appliquer" not in page_text(office("nimes", boss).get("/"))
    message = Message.objects.get()
    assert message.state == "cancelled"
    with pytest.raises(kinds.NoLongerDue):
        kinds.get(APPLICATION_REQUESTED).render(message)
    assert AuditEntry.objects.filter(action="import.request_withdrawn", actor_id=data_officer.pk).exists()


def test_the_page_says_that_reading_a_requested_file_anew_ends_the_request(office, checked, data_officer):
    officer, address = office("nimes", data_officer), import_url("choose", checked.pk)
    assert "demande d’application" not in page_text(officer.get(address))
    request(checked, data_officer)
    assert "la demande d’application ne vaudra plus" in page_text(officer.get(address))
    fields = {"header_row": "1", "volume": "", "column_0": "uai", "column_1": "units"}
    page = page_text(officer.post(address, fields, follow=True))
    assert "la demande d’application ne vaut plus" in page
    checked.refresh_from_db()
    assert (checked.state, checked.requested_at) == (ImportState.UPLOADED, None)


def test_a_corrected_file_ends_the_request_says_so_and_is_linked_from_the_old_one(office, pool, data_officer, boss):
    school = SchoolFactory()
    first = upload_and_parse(
        pool, build_xlsx([["UAI", "Licences"], [school.uai, 3], ["0300000Z", 2]]), filename="a.xlsx"
    )
    request(first, data_officer)
    officer, book = office("nimes", data_officer), build_annotated(first)
    assert "il faudra refaire la demande" in page_text(officer.get(import_url("detail", first.pk)))
    book.active["B2"] = 5
    second = upload_corrected(pool, book, by=data_officer)
    page = page_text(officer.get(import_url("detail", second.pk)))
    assert "cette demande ne vaut plus, il faut la refaire" in page
    old = page_text(officer.get(import_url("detail", first.pk)))
    assert "remplacé par un tableau corrigé" in old
    assert f'href="{import_url("detail", second.pk)}"' in old
    assert "demande d’appliquer" not in page_text(office("nimes", boss).get("/"))
    request(second, data_officer)
    assert "il faut la refaire" not in page_text(officer.get(import_url("detail", second.pk)))


def test_a_request_counts_the_rows_in_error(office, pool, data_officer, boss):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3), ("0300000Z", 2)))
    officer = office("nimes", data_officer)
    page = page_text(officer.get(import_url("request_application", spreadsheet_import.pk)))
    assert "<strong>1 ligne reste à régler</strong>" in page
    request(spreadsheet_import, data_officer)
    text = read_email(Message.objects.get())
    assert "1 ligne reste à régler : rien n'y serait fait." in text
    assert "vérifié" not in text
    assert "3 licences ; 1 ligne reste à régler." in page_text(office("nimes", boss).get("/"))


def test_a_request_counts_the_schools_that_wait_for_an_answer(office, pool, data_officer, boss):
    """They hold licences of another pool, and get nothing without the answer."""
    held = SchoolFactory()
    pools.allocate(
        pool_id=PoolFactory(name="Dotation").pk, uai=held.uai, units=3, recipient=held.email, by=None, at=TERM
    )
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3), (held, 5)))
    page = page_text(office("nimes", data_officer).get(import_url("request_application", spreadsheet_import.pk)))
    assert "<strong>1 ligne reste à régler</strong>" in page
    request(spreadsheet_import, data_officer)
    assert "1 ligne reste à régler" in read_email(Message.objects.get(kind=APPLICATION_REQUESTED))
    assert "3 licences ; 1 ligne reste à régler." in page_text(office("nimes", boss).get("/"))


# What became of it


def answers():
    """Return the e-mails to who asked."""
    return Message.objects.filter(kind=APPLICATION_ANSWERED).order_by("pk")


def test_who_asked_learns_that_it_was_applied_and_undone(checked, data_officer, boss):
    request(checked, data_officer)
    amend(checked, 3, set_aside=True)
    confirm_and_apply(checked)
    assert [message.recipient for message in answers()] == [data_officer.email]
    text = read_email(answers().get())
    assert "dont vous aviez demandé l'application pour 7 licences, est appliqué. 3 licences attribuées" in text
    undo_import.undo(import_id=checked.pk, by=boss, at=TERM)
    text = read_email(answers().last())
    assert "est défait" in text
    assert f"C'est {boss} qui l'a fait." in text


@pytest.mark.parametrize("act", [cancellation.cancel, application_requests.withdraw_request])
def test_who_asked_learns_that_another_ended_the_request(checked, data_officer, boss, act):
    request(checked, data_officer)
    act(import_id=checked.pk, by=boss, at=TERM)
    text = read_email(answers().get())
    assert str(boss) in text
    assert ("annulé" in text) == (act is cancellation.cancel)


def test_each_answer_has_a_subject_of_its_own(checked):
    def render_subject(answer):
        context = {"answer": answer.value, "by": None, "schools": 2, "units": 7}
        message = Message(kind=APPLICATION_ANSWERED, topic_id=checked.pk, context=context)
        return kinds.get(APPLICATION_ANSWERED).render(message).subject

    subjects = [render_subject(answer).partition("dans le bureau")[0].strip() for answer in RequestAnswer]
    assert all(subjects)
    assert len(set(subjects)) == len(RequestAnswer)


def test_who_ends_their_own_request_gets_no_e_mail(checked, data_officer):
    request(checked, data_officer)
    cancellation.cancel(import_id=checked.pk, by=data_officer, at=TERM)
    assert not answers().exists()


def test_who_left_the_office_gets_no_answer(checked, data_officer):
    request(checked, data_officer)
    Member.objects.filter(user=data_officer).update(left_at=TERM)
    confirm_and_apply(checked)
    assert not answers().exists()


def test_a_manager_refuses_a_request_and_says_why(office, checked, data_officer, boss):
    manager, address = office("nimes", boss), import_url("cancel", checked.pk)
    assert "Refuser" not in page_text(manager.get(import_url("detail", checked.pk)))
    assert "Pourquoi" not in page_text(manager.get(address))
    request(checked, data_officer)
    page = page_text(manager.get(import_url("detail", checked.pk)))
    assert "Refuser la demande…" in page
    assert "Annuler cet import…" not in page
    page = page_text(manager.get(address))
    assert f"Cette phrase est dans l’e-mail à {data_officer}." in page
    assert manager.post(address, {"reason": "x" * 301}).status_code == 422
    page = page_text(manager.post(address, {"reason": "Le lot est pour le cycle 3"}, follow=True))
    assert f"Un e-mail le dit à {data_officer}." in page
    text = read_email(answers().get())
    assert f"C'est {boss} qui l'a fait." in text
    assert "Pourquoi : Le lot est pour le cycle 3." in text


def test_a_request_is_refused_without_a_reason_too(office, checked, data_officer, boss):
    request(checked, data_officer)
    office("nimes", boss).post(import_url("cancel", checked.pk))
    checked.refresh_from_db()
    assert checked.state == ImportState.CANCELLED
    assert "Pourquoi" not in read_email(answers().get())


def test_who_asked_cancels_their_own_import_and_refuses_nothing(office, checked, data_officer):
    request(checked, data_officer)
    officer = office("nimes", data_officer)
    page = page_text(officer.get(import_url("detail", checked.pk)))
    assert "Refuser" not in page
    assert "Annuler cet import…" in page
    assert "Pourquoi" not in page_text(officer.get(import_url("cancel", checked.pk)))
