"""The off switch of a letter: a signed link of one member and one letter at one office."""

import pytest
from django.core import signing

from collectivities.capabilities import Role
from collectivities.letters import build_stop_url, find_wanted
from collectivities.models import Letter, LetterChoice, Member
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient
from tests.html import collapse

PATH = "/mes-e-mails/arreter/"


@pytest.fixture
def member(nimes):
    return MemberFactory(user=UserFactory(email="nadia@nimes.example"))


@pytest.fixture
def link(nimes, member):
    return "/" + build_stop_url(nimes, member.pk, Letter.WEEKLY).split("/", 3)[3]


@pytest.fixture
def visitor(nimes):
    return HostClient(nimes.office_host)


def read(answer):
    return collapse(answer.content.decode()).replace("\xa0", " ").replace("&nbsp;", " ")


def list_choices():
    return list(LetterChoice.objects.order_by("letter").values_list("member_id", "letter", "is_wanted"))


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
    assert visitor.get(f"{PATH}{token}/").status_code == 410
    assert visitor.post(f"{PATH}{token}/", {"choice": "stop"}).status_code == 410
    assert list_choices() == []


@pytest.mark.parametrize("salt", ["", "pools.stop-links"])
def test_a_link_that_we_did_not_sign_for_this_is_refused(visitor, member, salt):
    token = signing.dumps(["c_nimes", member.pk, "weekly"], salt=salt) if salt else "é:b:c"
    assert visitor.post(f"{PATH}{token}/", {"choice": "stop"}).status_code == 410
    assert list_choices() == []


def test_a_link_of_one_office_opens_nothing_at_another(link, gard):
    assert HostClient(gard.office_host).get(link).status_code == 410


def test_a_link_is_old_after_a_year_and_ends_with_the_membership(link, visitor, member, monkeypatch):
    Member.objects.update(left_at=TERM)
    assert visitor.get(link).status_code == 410
    Member.objects.update(left_at=None, roles=[Role.VIEWER])
    assert visitor.get(link).status_code == 200
    monkeypatch.setattr("collectivities.letters._MAX_AGE", -1)
    assert visitor.get(link).status_code == 410


def test_the_address_of_a_letter_that_the_role_lost_is_refused(nimes, member, visitor):
    path = "/" + build_stop_url(nimes, member.pk, Letter.FAILURE).split("/", 3)[3]
    assert visitor.get(path).status_code == 200
    Member.objects.update(roles=[Role.BUYER])
    assert visitor.get(path).status_code == 410
