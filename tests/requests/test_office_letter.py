"""The off switch of the letter about schools' requests: a choice of each manager, on the page and in the letter."""

import pytest

from collectivities.letters import choose_letters, find_wanted
from collectivities.models import Letter, Member
from licensing.requests.school_requests import emails
from mailing import kinds
from mailing.kinds import NoLongerDue
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient


def render(message):
    return kinds.get(message.kind).render(message)


def test_who_turned_the_letter_off_gets_none_and_may_have_it_again(nimes, jaures):
    manager = MemberFactory()
    jaures.ask()
    for _ in range(2):
        choose_letters(member=manager, wanted={Letter.REQUESTS: False}, at=TERM)
    assert emails.write_to_managers(TERM) == 0
    choose_letters(member=manager, wanted={Letter.REQUESTS: True}, at=TERM)
    assert emails.write_to_managers(TERM) == 1


@pytest.mark.slow
def test_a_letter_that_was_turned_off_or_whose_reader_left_does_not_leave(nimes, jaures):
    manager = MemberFactory()
    jaures.ask()
    emails.write_to_managers(TERM)
    letter = Message.objects.get()
    choose_letters(member=manager, wanted={Letter.REQUESTS: False}, at=TERM)
    with pytest.raises(NoLongerDue, match="ne veut plus"):
        render(letter)
    choose_letters(member=manager, wanted={Letter.REQUESTS: True}, at=TERM)
    assert render(letter).unsubscribe_url
    Member.objects.update(left_at=TERM)
    with pytest.raises(NoLongerDue, match="quitté"):
        render(letter)


def test_one_click_in_the_letter_turns_it_off(nimes, jaures):
    manager = MemberFactory()
    jaures.ask()
    emails.write_to_managers(TERM)
    email = render(Message.objects.get())
    assert "Ne plus recevoir ces messages : http" in email.text
    path = "/" + email.unsubscribe_url.split("/", 3)[3]
    program = HostClient(nimes.office_host, enforce_csrf_checks=True)
    assert program.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert find_wanted(manager)[Letter.REQUESTS] is False
    assert find_wanted(manager)[Letter.WEEKLY] is True
