"""The Journal page and its export: filters, and names of actions in French."""

import ast
import datetime
import io
from pathlib import Path

import pytest
from django.utils import timezone
from openpyxl import load_workbook

from accounts.models import AccountEvent
from collectivities import audit_log
from collectivities.journal import describe_action, group_choices, journal_actions, subject_labels
from collectivities.models import ACCOUNT_ACTIONS
from jobs import due
from licensing.books.billing.models import PlatformState
from tests.conftest import TERM

ROOT = Path(__file__).parents[2]


def find_written_actions():
    """Yield (file, action) for each action that a module which writes to the audit log names."""
    paths = [path for app in ("collectivities", "licensing", "imports", "sites") for path in (ROOT / app).rglob("*.py")]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        writes = any(name in text for name in ("audit_log", "order_events", "record_allocations"))
        if path.name not in {"models.py", "enums.py"} and not writes:
            continue
        for node in ast.walk(ast.parse(text)):
            yield from ((path.name, action) for action in list_actions(node))


def list_actions(node):
    """Return the actions that a node of the syntax names: an argument `action`, a constant, or that of `_record`."""
    match node:
        case ast.keyword(arg="action", value=value):
            values = [value]
        case ast.Call(func=ast.Attribute(attr="NewAuditEntry"), args=[value, *_]):
            values = [value]
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper() or name == "action":
            values = [value]
        case ast.Call(func=ast.Attribute(value=ast.Name(id="order_events"), attr="record"), args=[_, value, *_]):
            return [f"orders.{text}" for text in list_texts(value)]
        case ast.Call(func=ast.Name(id="_record_event"), args=[_, value, *_]):
            return [f"orders.{text}" for text in list_texts(value)]
        case ast.Call(func=ast.Name(id="record_allocations"), args=[value, *_]):
            values = [value]
        case ast.Call(func=ast.Name(id="_queue_and_record"), args=[_, _, value, *_]):
            values = [value]
        case _:
            return []
    texts = [text for value in values for text in list_texts(value)]
    return [text for text in texts if text.partition(".")[0] in subject_labels and text.partition(".")[2]]


def list_texts(value):
    """Return the constant texts of an expression, of both branches of a condition."""
    return [one.value for one in ast.walk(value) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


@pytest.mark.slow
def test_every_action_that_the_code_writes_has_a_french_name():
    written = set(find_written_actions())
    assert len(written) > 60
    # Of an f-string, whose values the next test knows, only the beginning; kinds of due work are named alike.
    assert {action for _, action in written} - journal_actions.keys() - {*due.list_kinds()} == {"orders.platform_"}


def test_every_state_of_an_invoice_on_its_platform_has_a_french_name():
    assert {f"orders.platform_{state.value}" for state in PlatformState} <= journal_actions.keys()


def test_every_event_of_an_account_has_a_french_name():
    assert {f"{ACCOUNT_ACTIONS}{action.value}" for action in AccountEvent.Action} <= journal_actions.keys()


def test_names_are_french_and_an_unknown_action_shows_no_code():
    assert describe_action("pools.revoked") == "Licences reprises"
    assert describe_action("pools.revocation_undone") == "Reprises annulées"
    assert describe_action("office.visited") == "Bureau ouvert par l'exploitant"
    assert describe_action("pools.never_heard_of") == "Lots et attributions"
    assert describe_action("nothing.known") == "Autre"


def test_actions_with_one_name_are_one_choice_with_one_value():
    alone, by_list = group_choices(["pools.revoked"]), group_choices(["pools.revoked_by_list"])
    expected = [("pools", "Lots et attributions : tout"), ("pools.revoked", "Licences reprises")]
    assert alone == by_list == [("Lots et attributions", expected)]


@pytest.fixture
def three_entries(bureau):
    for action in ("pools.revoked", "pools.revoked_by_list", "pools.allocated"):
        audit_log.record(action=action, by=None, at=TERM, summary=action)


def test_a_choice_finds_the_actions_alone_and_by_list(bureau, three_entries):
    page = bureau.get("/journal/?subject=pools.revoked")
    assert {entry.summary for entry in page.context["page_obj"]} == {"pools.revoked", "pools.revoked_by_list"}
    assert "Licences reprises" in page.content.decode()


def test_the_export_says_the_action_in_french(bureau, three_entries):
    rows = load_workbook(io.BytesIO(bureau.get("/journal/export/").content)).active.iter_rows(min_row=2)
    assert {row[3].value for row in rows} == {"Licences reprises", "Licences attribuées"}


@pytest.mark.slow
def test_the_journal_is_filtered_by_words_subject_and_dates(bureau, manager):
    audit_log.record(action="pools.allocated", by=manager.user, at=TERM, summary="3 licences", school_id="0300001A")
    audit_log.record(action="members.invited", by=None, at=TERM.replace(month=9), summary="Invitation")
    shown = lambda query: [entry.summary for entry in bureau.get(f"/journal/?{query}").context["page_obj"]]  # noqa: E731
    assert shown("") == ["3 licences", "Invitation"]
    assert shown("text=0300001a") == ["3 licences"]
    assert shown("subject=members") == shown("subject=members.invited") == ["Invitation"]
    assert shown("since=2026-10-01") == ["3 licences"]
    assert shown("until=2026-09-30") == ["Invitation"]
    assert "Aucune ligne" in bureau.get("/journal/?text=xyzzy").content.decode()


@pytest.mark.slow
def test_sign_ins_are_shown_for_a_year_and_what_was_given_stays(bureau):
    now = timezone.now()
    for days, moment in ((364, "récente"), (366, "ancienne")):
        at = now - datetime.timedelta(days=days)
        audit_log.record(action="accounts.signed_in", by=None, at=at, summary=f"Connexion {moment}")
        audit_log.record(action="pools.allocated", by=None, at=at, summary=f"Attribution {moment}")
    expected = ["Connexion récente", "Attribution récente", "Attribution ancienne"]
    assert sorted(entry.summary for entry in bureau.get("/journal/").context["page_obj"]) == sorted(expected)
    sheet = load_workbook(io.BytesIO(bureau.get("/journal/export/").content)).active
    assert sorted(str(row[5]) for row in sheet.iter_rows(min_row=2, values_only=True)) == sorted(expected)


def test_the_journal_has_pages_and_a_constant_number_of_queries(bureau, django_assert_max_num_queries):
    audit_log.record_many((audit_log.NewAuditEntry("a.b", f"n° {n}") for n in range(120)), by=None, at=TERM)
    with django_assert_max_num_queries(9):
        answer = bureau.get("/journal/?page=3")
    assert len(answer.context["page_obj"]) == 20


def test_the_export_escapes_formulas(bureau):
    audit_log.record(action="a.b", by=None, at=TERM, summary='=HYPERLINK("http://x")\x07')
    answer = bureau.get("/journal/export/")
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet.cell(1, 1).value == "Date"
    cell = sheet.cell(2, 6)
    assert (cell.data_type, cell.value) == ("s", '=HYPERLINK("http://x")')
