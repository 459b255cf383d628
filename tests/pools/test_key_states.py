"""What became of keys stands beside their allocations: after each act, in any order, rebuilt, audited."""

from importlib import import_module

import pytest
from django.core.management import CommandError, call_command

from core.connections import connection
from licensing.entitlements import operations as entitlements
from licensing.pools import operations as pools
from licensing.pools.models import Allocation
from licensing.pools.tasks import copy_key_states, note_key_event
from licensing.requests.invitations import operations as invitations
from licensing.requests.invitations.models import TeacherInvitation
from sites.audit.checks import check_all
from tests.conftest import TERM
from tests.returns.given_school import GivenSchool
from tests.waiting_jobs import list_waiting_jobs


@pytest.fixture
def school(nimes):
    return GivenSchool(nimes)


@pytest.fixture
def waiting(nimes):
    return GivenSchool(nimes, redeemed=False)


def get_state(school):
    """Return whether it is redeemed, and its seats: held, free, and free and never held."""
    allocation = Allocation.objects.get(pk=school.allocation.pk)
    return allocation.redeemed_at is not None, allocation.held, allocation.free, allocation.unused


def invite(school):
    invitations.invite_teachers(
        subscription_id=school.subscription.pk, addresses="camille@ac-nimes.fr", by=school.principal, at=TERM
    )
    return TeacherInvitation.objects.get()


def forget():
    Allocation.objects.update(redeemed_at=None, held=0, free=0, unused=0)


def find_differences():
    return next(finding for finding in check_all() if finding.code == "key_states").broken


def test_a_key_that_waits_has_no_seats(waiting):
    assert get_state(waiting) == (False, 0, 0, 0)


def test_a_redeemed_key_has_all_its_seats(school):
    assert get_state(school) == (True, 0, 5, 5)


def test_a_withdrawn_seat_is_free_and_was_held(school):
    seat = school.assign()
    assert get_state(school) == (True, 1, 4, 4)
    entitlements.release(seat_id=seat.pk, by=school.principal, at=TERM)
    assert get_state(school) == (True, 0, 5, 4)


def test_a_reserved_seat_is_not_free_until_its_invitation_ends(school):
    invitation = invite(school)
    assert get_state(school) == (True, 0, 4, 4)
    assert list_waiting_jobs("pools.copy_key_states")[-1]["args"] == {
        "schema": connection.schema_name,
        "key_ids": [school.allocation.key_id],
    }
    invitations.recall_invitation(invitation_id=invitation.pk, by=school.principal, at=TERM)
    assert get_state(school) == (True, 0, 5, 5)


def test_what_is_given_back_and_given_again_is_counted_at_once(school):
    returned = school.give_back(2).licence_return
    assert get_state(school) == (True, 0, 3, 3)
    school.undo(returned)
    assert get_state(school) == (True, 0, 5, 5)


def test_a_redeemed_key_that_grows_has_more_seats_at_once(school):
    pools.set_units(allocation_id=school.allocation.pk, units=7, expected=5, by=None, at=TERM)
    assert get_state(school) == (True, 0, 7, 7)


@pytest.mark.parametrize("event", ["redeemed", "held"])
def test_jobs_copy_what_the_key_says_whatever_their_order(school, event):
    school.assign()
    forget()
    for _ in range(2):
        note_key_event(key_id=school.allocation.key_id, event=event, at=TERM.isoformat(), held=0, size=5)
        assert get_state(school) == (True, 1, 4, 4)


def test_a_job_leaves_other_offices_keys_alone(school, waiting):
    forget()
    copy_key_states(key_ids=[school.allocation.key_id, waiting.allocation.key_id, 0])
    assert (get_state(school), get_state(waiting)) == ((True, 0, 5, 5), (False, 0, 0, 0))


def test_the_command_copies_what_differs(school, capsys):
    forget()
    call_command("copy_key_states", school.collectivity.slug)
    assert get_state(school) == (True, 0, 5, 5)
    assert capsys.readouterr().out == "1\N{NO-BREAK SPACE}attribution corrigée.\n"


def test_the_command_refuses_an_unknown_office(nimes):
    with pytest.raises(CommandError, match="Collectivité inconnue : ales"):
        call_command("copy_key_states", "ales")


def test_the_audit_finds_what_differs_and_waits_for_jobs(school):
    forget()
    # The job of the redemption waits, which will copy it.
    assert find_differences() == 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    assert find_differences() == 1


def test_the_migration_copies_all_keys(school, waiting):
    school.assign()
    forget()
    with connection.cursor() as cursor:
        cursor.execute(import_module("licensing.pools.migrations.0002_key_states").FILL)
    assert (get_state(school), get_state(waiting)) == ((True, 1, 4, 4), (False, 0, 0, 0))
