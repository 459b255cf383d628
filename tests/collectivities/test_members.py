"""Invitations, roles and departures."""

import datetime
import re
import threading
from importlib import import_module

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from collectivities.capabilities import Role
from collectivities.exceptions import InvitationGone, InvitedAtAnotherAddress, LastManager
from collectivities.models import INVITATION_KEPT, AuditEntry, Invitation, Member
from collectivities.operations import members as operations
from jobs import due, retention
from jobs.retention import PRUNE_ROWS
from mailing import kinds
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory, UserFactory, confirm_address
from tests.factories.collectivities import MemberFactory
from tests.races import run_concurrently, wait_for_blocked_session
from tests.refusals import refuses
from tests.waits import wait_until

LATER = TERM + datetime.timedelta(days=3)


def invited(email="awa@nimes.example", roles=(Role.BUYER,), at=TERM):
    invitation = operations.invite(email=email, roles=roles, by=None, at=at)
    return invitation, invitation.link_token


def create_invitee():
    """An account that confirmed the invited address."""
    return confirm_address(UserFactory(), "awa@nimes.example")


def test_an_invitation_is_written_to_the_outbox_without_its_secret(nimes):
    invitation, token = invited(at=timezone.now())
    message = Message.objects.get()
    assert (message.kind, message.recipient, message.topic_id) == ("invitation", "awa@nimes.example", invitation.pk)
    assert token not in str(message.context)
    assert token not in str(Invitation.objects.values().get())
    assert kinds.get("invitation").render(message).subject == "La Ville de Nîmes vous invite dans son bureau Pep's"


@pytest.mark.parametrize(
    ("email", "roles", "refusal"),
    [
        ("pas-une-adresse", [Role.BUYER], "invalid_address"),
        ("a@b.fr", [], "invalid_roles"),
        ("a@b.fr", ["roi"], "invalid_roles"),
    ],
)
def test_an_invitation_needs_an_address_and_known_roles(nimes, email, roles, refusal):
    with refuses(refusal):
        operations.invite(email=email, roles=roles, by=None, at=TERM)
    assert not Invitation.objects.exists()


def test_a_second_invitation_replaces_the_first(nimes):
    _, first = invited()
    _, second = invited("AWA@nimes.example")
    agent = create_invitee()
    with pytest.raises(InvitationGone):
        operations.accept_invitation(token=first, by=agent, at=LATER)
    assert operations.accept_invitation(token=second, by=agent, at=LATER).user == agent
    assert list(Message.objects.order_by("pk").values_list("state", flat=True)) == [
        MessageState.CANCELLED,
        MessageState.QUEUED,
    ]


def test_an_account_without_the_invited_address_does_not_join(nimes):
    """A teacher who got the link of a mairie; and an agent who typed the address, and has not confirmed it."""
    invitation, token = invited("mairie@nimes.example", roles=[Role.MANAGER])
    unconfirmed = UserFactory(email="mairie@nimes.example")
    EmailAddress.objects.create(user=unconfirmed, email=unconfirmed.email, primary=True, verified=False)
    for stranger in (confirm_address(TeacherFactory()), UserFactory(email="mairie@nimes.example"), unconfirmed):
        with pytest.raises(InvitedAtAnotherAddress, match=re.escape("m•••@nimes.example")):
            operations.accept_invitation(token=token, by=stranger, at=LATER)
    assert not Member.objects.exists()
    invitation.refresh_from_db()
    assert invitation.is_valid(LATER)


def test_an_account_joins_by_any_address_that_it_confirmed(nimes):
    invitation, token = invited("Awa@nimes.example")
    agent = UserFactory(email="awa.diop@autre.example")
    EmailAddress.objects.create(user=agent, email="awa@Nimes.example", primary=False, verified=True)
    member = operations.accept_invitation(token=token, by=agent, at=LATER)
    invitation.refresh_from_db()
    assert (member.user, invitation.accepted_by_id, invitation.accepted_at) == (agent, agent.pk, LATER)
    assert "avec l'adresse Awa@nimes.example" in AuditEntry.objects.get(action="members.joined").summary


def test_the_migration_names_who_accepted_before(nimes):
    invitation, token = invited()
    other, _ = invited("autre@nimes.example")
    agent = create_invitee()
    operations.accept_invitation(token=token, by=agent, at=LATER)
    Invitation.objects.update(accepted_by_id=None)
    with connection.cursor() as cursor:
        cursor.execute(import_module("collectivities.migrations.0004_name_who_accepted").NAME)
    assert dict(Invitation.objects.values_list("pk", "accepted_by_id")) == {invitation.pk: agent.pk, other.pk: None}


def test_a_link_works_once(nimes):
    _, token = invited()
    operations.accept_invitation(token=token, by=create_invitee(), at=LATER)
    with pytest.raises(InvitationGone):
        operations.accept_invitation(token=token, by=create_invitee(), at=LATER)
    assert Member.objects.count() == 1


def test_a_link_lasts_fourteen_days(nimes):
    _, token = invited()
    with pytest.raises(InvitationGone):
        operations.accept_invitation(token=token, by=create_invitee(), at=TERM + datetime.timedelta(days=14))


def test_a_withdrawn_invitation_cannot_be_accepted(nimes):
    invitation, token = invited()
    agent = create_invitee()
    operations.withdraw_invitation(invitation_id=invitation.pk, by=agent, at=LATER)
    operations.withdraw_invitation(invitation_id=invitation.pk, by=agent, at=LATER)
    with pytest.raises(InvitationGone):
        operations.accept_invitation(token=token, by=agent, at=LATER)
    assert AuditEntry.objects.filter(action="members.invitation_withdrawn").count() == 1


def test_an_accepted_invitation_cannot_be_withdrawn(nimes):
    invitation, token = invited()
    agent = create_invitee()
    operations.accept_invitation(token=token, by=agent, at=LATER)
    with pytest.raises(InvitationGone):
        operations.withdraw_invitation(invitation_id=invitation.pk, by=agent, at=LATER)


def test_a_member_who_accepts_another_invitation_gains_its_roles(nimes):
    member = MemberFactory(user=create_invitee(), roles=[Role.VIEWER])
    _, token = invited(roles=[Role.BUYER])
    assert operations.accept_invitation(token=token, by=member.user, at=LATER).roles == [Role.BUYER, Role.VIEWER]


def test_a_member_who_left_comes_back_with_the_invitations_roles_alone(nimes):
    member = MemberFactory(user=create_invitee(), roles=[Role.MANAGER], left_at=TERM)
    _, token = invited(roles=[Role.VIEWER])
    back = operations.accept_invitation(token=token, by=member.user, at=LATER)
    assert (back.pk, back.roles, back.left_at) == (member.pk, [Role.VIEWER], None)


def test_an_invited_person_creates_an_account_whose_address_is_proven(nimes):
    _, token = invited()
    member = operations.join_with_new_account(
        token=token, username="Awa.Diop", first_name="Awa", last_name="Diop", password="un mot de passe sûr", at=LATER
    )
    assert (member.user.username, member.user.email) == ("awa.diop", "awa@nimes.example")
    assert member.user.check_password("un mot de passe sûr")
    assert member.user.emailaddress_set.get().verified


def test_an_invalid_account_leaves_the_invitation_open(nimes):
    UserFactory(username="prise")
    invitation, token = invited()
    with pytest.raises(ValidationError) as refused:
        operations.join_with_new_account(
            token=token,
            username="supprime-1",
            first_name="Awa",
            last_name="Diop",
            password="un mot de passe sûr",
            at=LATER,
        )
    assert "username" in refused.value.message_dict
    invitation.refresh_from_db()
    assert invitation.is_valid(LATER)
    assert User.objects.count() == 1


def test_a_taken_username_is_replaced_by_a_variant(nimes):
    UserFactory(username="prise")
    _, token = invited()
    member = operations.join_with_new_account(
        token=token, username="Prise", first_name="Awa", last_name="Diop", password="un mot de passe sûr", at=LATER
    )
    assert member.user.username == "prise2"


def test_the_last_manager_neither_leaves_nor_loses_the_role(nimes):
    manager = MemberFactory(roles=[Role.MANAGER, Role.BUYER])
    MemberFactory(roles=[Role.VIEWER])
    MemberFactory(roles=[Role.MANAGER], left_at=TERM)
    with pytest.raises(LastManager):
        operations.remove_member(member_id=manager.pk, by=manager.user, at=LATER)
    with pytest.raises(LastManager):
        operations.change_roles(member_id=manager.pk, roles=[Role.BUYER], by=manager.user, at=LATER)
    changed = operations.change_roles(member_id=manager.pk, roles=[Role.MANAGER], by=manager.user, at=LATER)
    assert changed.roles == [Role.MANAGER]


def test_a_former_member_has_no_access(nimes):
    manager, other = MemberFactory(), MemberFactory()
    operations.remove_member(member_id=other.pk, by=manager.user, at=LATER)
    with refuses("not_a_member"):
        operations.remove_member(member_id=other.pk, by=manager.user, at=LATER)


@pytest.mark.django_db(transaction=True)
def test_two_managers_who_remove_each_other_leave_one(committing):
    first, second = MemberFactory(), MemberFactory()
    outcome = run_concurrently(
        committing.schema_name,
        [
            lambda: operations.remove_member(member_id=first.pk, by=second.user, at=LATER),
            lambda: operations.remove_member(member_id=second.pk, by=first.user, at=LATER),
        ],
        expected_errors=LastManager,
    )
    assert sorted(type(one).__name__ for one in outcome) == ["LastManager", "Member"]


@pytest.mark.django_db(transaction=True)
def test_a_link_used_twice_at_once_lets_one_person_in(committing):
    _, token = invited()
    people = [create_invitee(), create_invitee()]
    outcome = run_concurrently(
        committing.schema_name,
        [lambda person=person: operations.accept_invitation(token=token, by=person, at=LATER) for person in people],
        expected_errors=InvitationGone,
    )
    assert sorted(type(one).__name__ for one in outcome) == ["InvitationGone", "Member"]


@pytest.mark.django_db(transaction=True)
def test_two_invitations_of_one_address_at_once_leave_one(committing):
    run_concurrently(committing.schema_name, [invited, invited], expected_errors=())
    assert Invitation.objects.pending().count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_an_invitation_is_accepted_or_replaced_where_both_happen_at_once(committing, attempt):
    _, token = invited()
    person = create_invitee()
    joined, _ = run_concurrently(
        committing.schema_name,
        [lambda: operations.accept_invitation(token=token, by=person, at=LATER), invited],
        expected_errors=InvitationGone,
    )
    assert isinstance(joined, Member) == Member.objects.filter(user=person).exists()
    assert Invitation.objects.pending().count() == 1


def test_an_invitation_schedules_its_end_and_goes_a_year_after_it(nimes):
    invitation, _ = invited()
    end = invitation.expires_at + INVITATION_KEPT
    assert due.get_moment(PRUNE_ROWS, "c_nimes") == end
    assert "collectivities_invitation" not in retention.prune_schema(at=end)
    assert retention.prune_schema(at=end + datetime.timedelta(days=1)) == {"collectivities_invitation": 1}
    assert AuditEntry.objects.filter(action="members.invited").exists()


@pytest.mark.slow
def test_an_old_invitation_is_renewed_while_it_is_to_be_deleted(committing):
    """Fails where the rows are locked before the table: each waits for what the other holds."""
    by = UserFactory()
    invitation, _ = invited()
    later = invitation.expires_at + INVITATION_KEPT + datetime.timedelta(days=1)
    began = threading.Event()

    def renew():
        with transaction.atomic():
            Invitation.objects.lock_table()
            began.set()
            wait_for_blocked_session()
            operations.renew_invitation(invitation_id=invitation.pk, by=by, at=later)

    def prune():
        wait_until(began.is_set)
        return retention.prune_schema(at=later)["collectivities_invitation"]

    assert run_concurrently(committing.schema_name, [renew, prune], expected_errors=())[1] == 1
    assert Invitation.objects.get().created_at == later
