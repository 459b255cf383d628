"""« Mes e-mails », and the off switch of a letter: who may choose what, by page and by link."""

from __future__ import annotations

import datetime

import pytest
from django.core import signing
from django.db import IntegrityError, transaction
from django.test import Client
from django_tenants.utils import schema_context

from collectivities.letter_links import build_stop_url
from collectivities.letters import find_wanted
from collectivities.models import Letter, LetterChoice, Member, MemberLetter, Role
from collectivities.personal_data import export_personal_data
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient
from tests.html import collapse

PATH = "/mes-e-mails/"


@pytest.fixture
def member(nimes):
    return MemberFactory(user=UserFactory(email="nadia@nimes.example"))


@pytest.fixture
def browser(office, member):
    return office("nimes", member.user)


@pytest.fixture
def link(nimes, member):
    return "/" + build_stop_url(nimes, member.pk, Letter.WEEKLY).split("/", 3)[3]


@pytest.fixture
def visitor(nimes):
    return HostClient(nimes.office_host)


def read(answer):
    return collapse(answer.content.decode()).replace("\xa0", " ").replace("&nbsp;", " ")


def list_choices(schema="c_nimes"):
    with schema_context(schema):
        return list(LetterChoice.objects.order_by("letter").values_list("member_id", "letter", "is_wanted"))


# --- The page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "offered"),
    [
        ([Role.MANAGER], {"weekly": True, "failure": True, "renewal": True, "requests": True}),
        ([Role.BUYER], {"weekly": True, "renewal": True}),
        ([Role.DATA_OFFICER], {"weekly": True}),
        ([Role.VIEWER], {"weekly": False}),
        ([Role.VIEWER, Role.BUYER], {"weekly": True, "renewal": True}),
    ],
)
def test_a_member_is_offered_what_their_roles_may_get(nimes, office, roles, offered):
    page = office("nimes", MemberFactory(roles=roles).user).get(PATH).content.decode()
    shown = {
        value: f'value="{value}"' in page and "checked" in page.split(f'value="{value}"')[1].split(">")[0]
        for value in ("weekly", "failure", "renewal", "requests")
        if f'value="{value}"' in page
    }
    assert shown == offered


def test_choices_are_stored_and_only_what_differs(browser, member):
    answer = browser.post(PATH, {"lettres": ["failure", "renewal"]}, follow=True)
    assert "votre choix est enregistré" in read(answer).lower()
    assert list_choices() == [(member.pk, "requests", False), (member.pk, "weekly", False)]
    browser.post(PATH, {"lettres": ["failure", "renewal"]})
    assert list_choices() == [(member.pk, "requests", False), (member.pk, "weekly", False)]
    browser.post(PATH, {"lettres": ["weekly", "requests"]})
    assert list_choices() == [
        (member.pk, "failure", False), (member.pk, "renewal", False), (member.pk, "requests", True),
        (member.pk, "weekly", True),
    ]  # fmt: skip


def test_what_a_role_does_not_get_is_not_chosen(nimes, office):
    reader = MemberFactory(roles=[Role.VIEWER])
    office("nimes", reader.user).post(PATH, {"lettres": ["weekly", "failure", "requests", "tout", "1" * 100]})
    assert list_choices() == [(reader.pk, "weekly", True)]


def test_a_choice_is_of_one_office(browser, member, gard):
    with schema_context("c_gard"):
        MemberFactory(user=member.user)
    browser.post(PATH, {})
    assert len(list_choices()) == 4
    assert list_choices("c_gard") == []


def test_choices_are_exported_and_go_with_the_account(browser, member):
    browser.post(PATH, {"lettres": ["failure", "renewal"]})
    with schema_context("public"):
        [exported] = export_personal_data(member.user)
    assert exported["lettres que vous voulez"] == []
    assert exported["lettres que vous ne voulez pas"] == ["Demandes des écoles", "Lettre de la semaine"]


# --- The link ---------------------------------------------------------------------------------------------------------


def test_a_look_stops_nothing_and_one_click_does(link, member, visitor):
    assert "Ne plus recevoir cet e-mail" in read(visitor.get(link))
    assert list_choices() == []
    program = HostClient("nimes.peps.localhost", enforce_csrf_checks=True)
    answer = program.post(link, {"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert program.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert list_choices() == [(member.pk, "weekly", False)]


def test_the_page_of_the_link_stops_and_takes_it_back(link, member, visitor):
    assert "C’est fait : vous ne recevrez plus cet e-mail du bureau de la Ville de Nîmes." in read(
        visitor.post(link, {"choice": "stop"})
    )
    assert "C’est noté" in read(visitor.post(link, {"choice": "resume"}))
    assert find_wanted(member)[Letter.WEEKLY]
    visitor.post(link, {"choice": "tout"})
    assert find_wanted(member) == dict.fromkeys(Letter, True)


def test_a_link_stops_one_letter_of_one_member(link, member, visitor):
    other = MemberFactory()
    visitor.post(link, {"choice": "stop"})
    assert find_wanted(member) == dict.fromkeys(Letter, True) | {Letter.WEEKLY: False}
    assert find_wanted(other)[Letter.WEEKLY]


@pytest.mark.parametrize(
    "content",
    [["c_gard", 1, "weekly"], ["c_nimes", 10**12, "weekly"], ["c_nimes", 0, "weekly"], ["public", 1, "weekly"]],
)
def test_a_link_about_nobody_is_refused(visitor, member, content):
    token = signing.dumps(content, salt="collectivities.letter-links")
    assert visitor.get(f"{PATH}arreter/{token}/").status_code == 410
    assert visitor.post(f"{PATH}arreter/{token}/", {"choice": "stop"}).status_code == 410
    assert list_choices() == []


@pytest.mark.parametrize("salt", ["", "pools.stop-links"])
def test_a_link_that_we_did_not_sign_for_this_is_refused(visitor, member, salt):
    token = signing.dumps(["c_nimes", member.pk, "weekly"], salt=salt) if salt else "é:b:c"
    assert visitor.post(f"{PATH}arreter/{token}/", {"choice": "stop"}).status_code == 410
    assert list_choices() == []


def test_a_link_of_one_office_opens_nothing_at_another(link, gard):
    assert HostClient(gard.office_host).get(link).status_code == 410


def test_a_link_is_old_after_a_year_and_ends_with_the_membership(link, visitor, member, monkeypatch):
    Member.objects.update(left_at=TERM)
    assert visitor.get(link).status_code == 410
    Member.objects.update(left_at=None, roles=[Role.VIEWER])
    assert visitor.get(link).status_code == 200
    monkeypatch.setattr("collectivities.letter_links._MAX_AGE", -1)
    assert visitor.get(link).status_code == 410


def test_the_address_of_a_letter_that_the_role_lost_is_refused(nimes, member, visitor):
    path = "/" + build_stop_url(nimes, member.pk, Letter.FAILURE).split("/", 3)[3]
    assert visitor.get(path).status_code == 200
    Member.objects.update(roles=[Role.BUYER])
    assert visitor.get(path).status_code == 410


def test_a_stranger_does_not_see_the_page(nimes, office):
    assert Client().get(PATH, headers={"host": nimes.office_host}).status_code == 302
    with schema_context("c_gard"):
        stranger = MemberFactory()
    assert office("nimes", stranger.user).get(PATH).status_code == 404


# --- What the database holds ------------------------------------------------------------------------------------------


def test_the_database_refuses_a_second_letter_and_a_week_that_is_none(member):
    monday, tuesday = datetime.date(2026, 11, 23), datetime.date(2026, 11, 24)
    fields = {"member": member, "letter": Letter.WEEKLY, "queued_at": TERM}
    MemberLetter.objects.create(period=monday, **fields)
    for period in (monday, tuesday):
        with pytest.raises(IntegrityError), transaction.atomic():
            MemberLetter.objects.create(period=period, **fields)
    LetterChoice.objects.create(member=member, letter=Letter.WEEKLY, is_wanted=True, chosen_at=TERM)
    with pytest.raises(IntegrityError), transaction.atomic():
        LetterChoice.objects.create(member=member, letter=Letter.WEEKLY, is_wanted=False, chosen_at=TERM)
