"""The audit log in a few lines: one action, one actor, one day in Paris."""

import datetime

import pytest
from django.utils.http import urlencode
from django_tenants.utils import tenant_context

from collectivities import audit_log
from collectivities.journal import find_choice, list_journal_groups
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.schools import SchoolFactory

DAY = datetime.timedelta(days=1)


def record(action, count=1, *, by=None, at=TERM, summary="Un geste."):
    for _ in range(count):
        audit_log.record(action=action, by=by, at=at, summary=summary)


def list_words(limit=5):
    return [group.words.replace("\xa0", " ") for group in list_journal_groups(limit)]


@pytest.mark.slow
def test_what_one_person_did_in_a_day_is_one_line_with_its_number(nimes):
    camille, sacha = UserFactory(first_name="Camille"), UserFactory(first_name="Sacha")
    record("portfolio.added", 138, by=camille, at=TERM - DAY)
    record("keys.resent", 57, by=camille)
    record("keys.resent", 2, by=sacha, at=TERM + datetime.timedelta(hours=1))
    record("settings.changed", 3, by=sacha, at=TERM + datetime.timedelta(hours=2))
    assert list_words() == [
        "Présentation modifiée : 3 fois.",
        "2 clés renvoyées.",
        "57 clés renvoyées.",
        "138 écoles ajoutées.",
    ]
    assert list_words(2) == ["Présentation modifiée : 3 fois.", "2 clés renvoyées."]
    assert "Camille" in list_journal_groups(3)[2].actor


def test_no_two_lines_of_a_day_say_the_same(nimes):
    for action in ("orders.payment_recorded", "orders.paid", "orders.platform_sent", "orders.platform_deposited"):
        record(action, 2)
    record("pools.allocated", 2)
    record("pools.bulk_allocated", 2)
    assert sorted(list_words(9)) == [
        "2 attributions à des écoles.",
        "2 commandes réglées.",
        "2 règlements reçus.",
        "Licences attribuées : 2 fois.",
        "Suivi de la facture : 4 fois.",
    ]


def test_one_entry_says_its_own_words_and_the_day_is_that_of_paris(nimes):
    record("members.joined", summary="Inès Garcia rejoint le bureau.")
    half_past_midnight = datetime.datetime(2026, 11, 24, 23, 30, tzinfo=datetime.UTC)
    record("keys.redeemed", 2, at=half_past_midnight)
    record("keys.redeemed", 3, at=half_past_midnight - datetime.timedelta(hours=1))
    assert list_words() == ["2 clés activées.", "3 clés activées.", "Inès Garcia rejoint le bureau."]
    assert list_journal_groups(1)[0].day == datetime.date(2026, 11, 25)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("pools.allocated", "Attribution à une école : École Jean Jaurès."),
        ("pools.grown", "Attribution augmentée : École Jean Jaurès."),
        ("keys.resent", "Clé renvoyée : École Jean Jaurès."),
        ("keys.reminded", "École relancée : École Jean Jaurès."),
        ("portfolio.contact_updated", "Contact d'école modifié : École Jean Jaurès."),
    ],
)
def test_an_entry_with_an_address_names_its_school(nimes, action, words):
    school = SchoolFactory(name="Ecole Jean Jaurès")
    summary = "Contact de Jean Jaurès : Léa Martin, lea@ecole.example, 04 66 00 00 00."
    audit_log.record(action=action, by=None, at=TERM, summary=summary, school_id=school.pk)
    assert list_words() == [words]


@pytest.mark.parametrize("action", ["members.invited", "members.invitation_withdrawn"])
def test_an_invitation_stands_without_its_address(nimes, action):
    record(action, summary="Invitation de lea@mairie.example.")
    assert "@" not in list_words()[0]


def test_sign_ins_and_the_schools_of_a_list_are_left_out(nimes):
    record("accounts.signed_in", 2)
    record("portfolio.added_by_list", 2)
    record("pools.allocated_by_list", 2)
    record("pools.bulk_allocated", summary="4 licences attribuées à 2 établissements.")
    [group] = list_journal_groups(5, without=["pools.allocated_by_list"])
    assert group.words == "4 licences attribuées à 2 établissements."


def test_what_is_older_than_a_month_before_the_last_entry_is_not_read(nimes):
    record("keys.resent", 2, at=TERM - 32 * DAY)
    assert list_words() == ["2 clés renvoyées."]
    record("keys.reminded", 2)
    assert list_words() == ["2 écoles relancées."]


@pytest.mark.parametrize("action", ["keys.resent", "pools.revocation_undone", "orders.started"])
def test_the_link_finds_the_entries_in_the_journal(bureau, action):
    record(action, 2, summary="Un geste parmi d'autres.")
    record("members.joined")
    [group] = [group for group in list_journal_groups(5) if group.action == find_choice(action)]
    page = bureau.get(f"/journal/?{urlencode(group.query)}")
    assert [entry.action for entry in page.context["page_obj"]] == [action, action]


@pytest.mark.parametrize("count", [1, 200])
def test_the_number_of_queries_does_not_grow(nimes, count, django_assert_num_queries):
    record("keys.resent", count)
    with django_assert_num_queries(1):
        list_journal_groups(5)


def test_another_office_s_entries_are_not_found(nimes, gard):
    record("keys.resent", 2)
    with tenant_context(gard):
        assert list_journal_groups(5) == []
