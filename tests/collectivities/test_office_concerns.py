"""What the operator should look at in an office: noted when it comes, gone when it is over."""

import datetime
from functools import partial
from threading import Event

from django_tenants.utils import schema_context

from collectivities.capabilities import Role
from collectivities.models import MemberQuerySet
from collectivities.operations import members
from collectivities.operations.members import CHECK_OFFICE, check_office
from core.connections import connection
from jobs import due
from jobs.models import DueWork
from mailing import dispatch
from mailing.models import Message, MessageState
from tenants.models import OfficeConcern
from tests.conftest import TERM
from tests.factories.accounts import UserFactory, confirm_address
from tests.factories.collectivities import MemberFactory
from tests.races import run_in_thread, wait_for_blocked_session
from tests.waits import wait_until

DAY = datetime.timedelta(days=1)


def lose_message(*, at=TERM):
    """Give up a message as the outbox does."""
    Message.objects.create(kind="x", recipient="a@b.example", created_at=at, due_at=at, state=MessageState.QUEUED)
    (message,) = dispatch.claim(limit=1, at=at)
    assert dispatch.record_failed(message, reason="Boîte pleine.", at=at)


def list_concerns():
    return sorted(OfficeConcern.objects.values_list("collectivity__slug", "kind"))


def get_next_look():
    """Return when the office is looked at next, by a clock that only the test turns."""
    return due.get_moment(CHECK_OFFICE, connection.schema_name)


def look(at):
    """Look at the office as its job does: the work is taken, then done."""
    due.take(CHECK_OFFICE, at=at)
    return check_office(at=at)


def test_a_lost_message_concerns_for_two_weeks(nimes):
    MemberFactory()
    assert look(TERM) == set()
    assert get_next_look() is None
    lose_message()
    assert get_next_look() == TERM
    assert look(TERM) == {"lost_messages"}
    assert list_concerns() == [("nimes", "lost_messages")]
    # It is looked at each day, until there is nothing more.
    assert get_next_look() == TERM + DAY
    assert look(TERM + DAY) == {"lost_messages"}
    assert look(TERM + 15 * DAY) == set()
    assert list_concerns() == []
    assert get_next_look() is None


def test_an_office_that_nobody_enters_concerns_a_week_after_the_invitation(nimes):
    invitation = members.invite(email="awa@nimes.example", roles=[Role.MANAGER], by=None, at=TERM)
    assert get_next_look() == TERM + 7 * DAY
    # A second before, by the clock of another machine: it is looked at again, not forgotten.
    assert look(TERM + 7 * DAY - datetime.timedelta(seconds=1)) == set()
    due.take(CHECK_OFFICE, at=TERM)
    assert get_next_look() == TERM + 7 * DAY
    assert look(TERM + 7 * DAY) == {"empty"}
    members.accept_invitation(
        token=invitation.link_token, by=confirm_address(UserFactory(), "awa@nimes.example"), at=TERM + 8 * DAY
    )
    assert look(get_next_look()) == set()
    assert list_concerns() == []


def test_what_the_portal_loses_is_no_office_s(nimes):
    with schema_context("public"):
        lose_message()
    assert not DueWork.objects.filter(kind=CHECK_OFFICE).exists()


def test_an_earlier_look_does_not_undo_what_a_later_one_found(committing, monkeypatch):
    MemberFactory()
    has_read, goes_on = Event(), Event()

    def wait(_self):
        """Stop the first look between reading the messages and writing what it found."""
        if not has_read.is_set():
            has_read.set()
            wait_until(goes_on.is_set)
        return True

    monkeypatch.setattr(MemberQuerySet, "exists", wait)
    with run_in_thread("c_nimes", partial(check_office, at=TERM)):
        wait_until(has_read.is_set)
        lose_message()
        with run_in_thread("c_nimes", partial(check_office, at=TERM)) as later:
            # It waits for the first, or has ended where nothing makes it wait.
            wait_for_blocked_session(unless=later.done)
            goes_on.set()
    assert list_concerns() == [("nimes", "lost_messages")]
