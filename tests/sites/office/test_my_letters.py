"""« Mes e-mails »: who may choose which letters."""

import datetime

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django_tenants.utils import schema_context

from collectivities.capabilities import Role
from collectivities.models import Letter, LetterChoice, MemberLetter
from collectivities.personal_data import export_personal_data
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.html import collapse

PATH = "/mes-e-mails/"


@pytest.fixture
def member(nimes):
    return MemberFactory(user=UserFactory(email="nadia@nimes.example"))


@pytest.fixture
def browser(office, member):
    return office("nimes", member.user)


def read(answer):
    return collapse(answer.content.decode()).replace("\xa0", " ").replace("&nbsp;", " ")


def list_choices(schema="c_nimes"):
    with schema_context(schema):
        return list(LetterChoice.objects.order_by("letter").values_list("member_id", "letter", "is_wanted"))


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


@pytest.mark.slow
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
