"""Sharing a class: invitation, acceptance, leaving, removal, e-mails; no identifiant is revealed."""

import datetime

import pytest
from django_tenants.utils import schema_context
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Profile
from core.formatting import curl_apostrophes
from licensing.classes import exceptions, operations, pupils, tasks
from licensing.classes.models import ClassInvitation, Classroom
from licensing.classes.queries import get_second_teacher, get_taught_class, list_invitations
from licensing.entitlements.models import Seat
from mailing.kinds import NoLongerDue
from mailing.models import Message
from tests.classes.seat_changes import LATER, transfer_seat
from tests.conftest import TERM
from tests.emails import list_emails, render_latest_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.classes import ClassroomFactory
from tests.refusals import refuses


@pytest.fixture
def classroom(nimes):
    return ClassroomFactory(
        name="CE1 B", seat__subscription__key__school__name="École Jean Jaurès", seat__holder__last_name="Tenante"
    )


@pytest.fixture
def holder(classroom):
    return classroom.seat.holder


@pytest.fixture
def colleague(nimes):
    return TeacherFactory(username="c.lavigne", first_name="Claire", last_name="Lavigne")


def invite(classroom, username="c.lavigne", *, at=TERM):
    """Invite, and run the queued job."""
    holder = Seat.objects.get(pk=classroom.seat_id).holder
    operations.request_invitation(classroom_id=classroom.pk, username=username, by=holder, at=at)
    job = ProcrastinateJob.objects.filter(task_name="classes.invite").latest("pk")
    assert job.args.pop("schema") == "public"
    with schema_context("public"):
        tasks.invite(**job.args)


def share(classroom, colleague):
    invite(classroom, colleague.username)
    return operations.accept(classroom_id=classroom.pk, by=colleague, at=LATER)


def test_an_invitation_whose_job_runs_twice_is_sent_once(classroom, holder, colleague):
    for _ in range(2):
        operations.create_invitation(classroom_id=classroom.pk, username=colleague.username, by=holder, at=TERM)
    with schema_context("public"):
        assert Message.objects.count() == 1


@pytest.mark.slow
def test_a_colleague_is_invited_accepts_and_teaches(classroom, holder, colleague):
    invite(classroom, " C.Lavigne ")
    with pytest.raises(exceptions.ClassNotTaught):  # not before accepting
        get_taught_class(colleague, classroom.pk)
    [invitation] = list_invitations(colleague, LATER)
    assert (invitation.classroom, invitation.by) == (classroom, holder)
    operations.accept(classroom_id=classroom.pk, by=colleague, at=LATER)
    assert get_second_teacher(get_taught_class(colleague, classroom.pk)) == colleague
    assert not list_invitations(colleague, LATER).exists()
    assert len(pupils.add_pupils(classroom_id=classroom.pk, count=2, by=colleague, at=LATER)) == 2


@pytest.mark.slow
def test_both_teachers_are_emailed(classroom, holder, colleague):
    invite(classroom)
    recipient, rendered = render_latest_email("class.invited")
    assert recipient == colleague.email
    for text in ("CE1 B", "Tenante", "École Jean Jaurès", "c.lavigne", "7 jours", "/mes-classes/", "sans votre accord"):
        assert text in rendered.text
        assert text in rendered.html
    operations.accept(classroom_id=classroom.pk, by=colleague, at=LATER)
    recipient, rendered = render_latest_email("class.accepted")
    assert recipient == holder.email
    assert "Claire Lavigne a accepté votre invitation" in rendered.text


@pytest.mark.slow
def test_accepting_twice_is_the_same_as_once(classroom, colleague):
    share(classroom, colleague)
    assert operations.accept(classroom_id=classroom.pk, by=colleague, at=LATER) == classroom
    assert len(list_emails("class.accepted")) == 1


@pytest.mark.slow
def test_inviting_does_not_reveal_whether_an_identifiant_exists(classroom, holder, colleague):
    """Same response and same work in the request: one job, whoever is invited."""
    UserFactory(username="agent", profile=Profile.AGENT)
    TeacherFactory(username="parti", is_active=False)
    answers, jobs = [], []
    for username in ("c.lavigne", "personne", "agent", "parti", holder.username, ""):
        answers.append(operations.request_invitation(classroom_id=classroom.pk, username=username, by=holder, at=TERM))
        jobs.append(ProcrastinateJob.objects.filter(task_name="classes.invite").count())
    assert set(answers) == {classroom}
    assert jobs == [1, 2, 3, 4, 5, 6]
    assert not ClassInvitation.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize("username", ["personne", "agent", "parti", "oneself"])
def test_who_cannot_teach_is_not_invited(classroom, holder, username):
    UserFactory(username="agent", profile=Profile.AGENT)
    TeacherFactory(username="parti", is_active=False)
    invite(classroom, holder.username if username == "oneself" else username)
    assert not ClassInvitation.objects.exists()
    assert len(list_emails("class.invited")) == 0


@pytest.mark.slow
def test_a_principal_who_teaches_may_share_a_class(classroom):
    assert get_second_teacher(share(classroom, PrincipalFactory())) is not None


@pytest.mark.slow
def test_only_so_many_invitations_a_day(classroom, holder):
    for _ in range(10):
        operations.request_invitation(classroom_id=classroom.pk, username="personne", by=holder, at=TERM)
    with pytest.raises(exceptions.TooManyInvitations, match="patientez") as refusal:
        operations.request_invitation(classroom_id=classroom.pk, username="personne", by=holder, at=TERM)
    assert refusal.value.retry_after > 0
    operations.request_invitation(
        classroom_id=classroom.pk, username="personne", by=holder, at=TERM + datetime.timedelta(days=2)
    )


@pytest.mark.slow
def test_a_later_invitation_takes_the_place_of_the_one_before(classroom, colleague):
    other = TeacherFactory()
    invite(classroom)
    invite(classroom, other.username, at=LATER)
    assert not list_invitations(colleague, LATER).exists()
    with pytest.raises(exceptions.NoInvitation):
        operations.accept(classroom_id=classroom.pk, by=colleague, at=LATER)
    assert get_second_teacher(operations.accept(classroom_id=classroom.pk, by=other, at=LATER)) == other


def test_a_third_teacher_is_refused(classroom, holder, colleague):
    share(classroom, colleague)
    with refuses("already_shared", match="Claire Lavigne partage déjà cette classe"):
        operations.request_invitation(classroom_id=classroom.pk, username="personne", by=holder, at=LATER)


def test_an_invitation_is_good_for_a_week(classroom, colleague):
    invite(classroom)
    week = TERM + datetime.timedelta(days=7)
    assert list_invitations(colleague, week - datetime.timedelta(seconds=1)).exists()
    with pytest.raises(exceptions.NoInvitation, match="vous inviter de nouveau"):
        operations.accept(classroom_id=classroom.pk, by=colleague, at=week)


@pytest.mark.slow
def test_an_invitation_ends_with_the_licence_of_who_made_it(classroom, colleague):
    invite(classroom)
    transfer_seat(classroom, TeacherFactory())
    assert not list_invitations(colleague, LATER).exists()
    with pytest.raises(exceptions.NoInvitation):
        operations.accept(classroom_id=classroom.pk, by=colleague, at=LATER)
    with pytest.raises(NoLongerDue):
        render_latest_email("class.invited")


@pytest.mark.slow
def test_an_invitation_is_accepted_only_by_its_recipient(classroom, colleague):
    invite(classroom)
    with pytest.raises(exceptions.NoInvitation) as refusal:
        operations.accept(classroom_id=classroom.pk, by=TeacherFactory(), at=LATER)
    with pytest.raises(exceptions.NoInvitation) as of_none:
        operations.accept(classroom_id=987654321, by=colleague, at=LATER)
    assert str(refusal.value) == str(of_none.value)


@pytest.mark.slow
def test_declining_does_not_notify_the_inviter(classroom, colleague):
    invite(classroom)
    operations.decline(classroom_id=classroom.pk, by=TeacherFactory(), at=LATER)  # not the invited teacher
    assert list_invitations(colleague, LATER).exists()
    for _ in range(2):
        operations.decline(classroom_id=classroom.pk, by=colleague, at=LATER)
    assert not ClassInvitation.objects.exists()
    with schema_context("public"):
        assert list(Message.objects.values_list("kind", flat=True)) == ["class.invited"]
    with pytest.raises(NoLongerDue):
        render_latest_email("class.invited")


@pytest.mark.slow
def test_the_holder_removes_the_second_teacher(classroom, holder, colleague):
    share(classroom, colleague)
    for _ in range(2):
        operations.end_sharing(classroom_id=classroom.pk, by=holder, at=LATER)
    with pytest.raises(exceptions.ClassNotTaught):
        get_taught_class(colleague, classroom.pk)
    recipient, rendered = render_latest_email("class.teacher_removed")
    assert (recipient, len(list_emails("class.teacher_removed"))) == (colleague.email, 1)
    assert "n’est plus partagée avec vous" in curl_apostrophes(rendered.subject)
    with pytest.raises(NoLongerDue):
        render_latest_email("class.accepted")


@pytest.mark.slow
def test_the_second_teacher_leaves(classroom, holder, colleague):
    share(classroom, colleague)
    operations.end_sharing(classroom_id=classroom.pk, by=colleague, at=LATER)
    with pytest.raises(exceptions.ClassNotTaught):
        operations.end_sharing(classroom_id=classroom.pk, by=colleague, at=LATER)
    recipient, rendered = render_latest_email("class.left")
    assert recipient == holder.email
    assert "Claire Lavigne ne partage plus" in rendered.subject
    assert len(list_emails("class.teacher_removed")) == 0


@pytest.mark.slow
def test_a_teacher_who_came_back_is_not_emailed_about_leaving(classroom, holder, colleague):
    share(classroom, colleague)
    operations.end_sharing(classroom_id=classroom.pk, by=holder, at=LATER)
    share(classroom, colleague)
    operations.end_sharing(classroom_id=classroom.pk, by=colleague, at=LATER)
    share(classroom, colleague)
    for kind in ("class.teacher_removed", "class.left"):
        with pytest.raises(NoLongerDue):
            render_latest_email(kind)


def test_removing_a_teacher_withdraws_the_invitation(classroom, holder, colleague):
    invite(classroom)
    operations.end_sharing(classroom_id=classroom.pk, by=holder, at=LATER)
    with pytest.raises(exceptions.NoInvitation):
        operations.accept(classroom_id=classroom.pk, by=colleague, at=LATER)


@pytest.mark.slow
def test_sharing_ends_with_the_holder_and_the_next_one_chooses(classroom, holder, colleague):
    share(classroom, colleague)
    successor = TeacherFactory()
    transfer_seat(classroom, successor)
    with pytest.raises(exceptions.ClassNotTaught):
        get_taught_class(colleague, classroom.pk)
    assert get_second_teacher(get_taught_class(successor, classroom.pk)) is None
    share(classroom, TeacherFactory())
    transfer_seat(classroom, holder)  # the first teacher's return does not restore the sharing
    with pytest.raises(exceptions.ClassNotTaught):
        get_taught_class(colleague, classroom.pk)


def test_an_invitation_void_before_its_job_runs_is_not_sent(classroom, holder, colleague):
    operations.request_invitation(classroom_id=classroom.pk, username="c.lavigne", by=holder, at=TERM)
    transfer_seat(classroom, TeacherFactory())
    tasks.invite(classroom_id=classroom.pk, username="c.lavigne", by_id=holder.pk, asked_at=TERM.isoformat())
    assert not ClassInvitation.objects.exists()
    assert Classroom.objects.get().second_teacher is None
