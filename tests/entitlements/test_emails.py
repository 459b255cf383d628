"""E-mails to teachers and principals about their seats, as sent."""

import datetime

import pytest
from django_tenants.utils import schema_context
from procrastinate.contrib.django.models import ProcrastinateJob

from licensing.entitlements import operations
from mailing.kinds import NoLongerDue
from mailing.models import Message
from tests.conftest import TERM
from tests.emails import render_only_email
from tests.factories.accounts import TeacherFactory

LATER = TERM + datetime.timedelta(hours=1)


def test_a_teacher_is_emailed_that_their_licence_is_active(jaures):
    code, subscription = jaures.subscription()
    operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    rendered = render_only_email("seat.assigned")
    for part in (rendered.text, rendered.html):
        assert "École Jean Jaurès" in part
        assert "31\N{NO-BREAK SPACE}août 2027" in part
        assert "/mes-classes/ouvrir/" in part
        assert "Ouvrir ma classe" in part
        assert code[:4] not in part


@pytest.mark.slow
def test_a_seat_withdrawn_before_sending_cancels_the_assignment_email(jaures):
    _, subscription = jaures.subscription()
    seat = operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    with pytest.raises(NoLongerDue):
        render_only_email("seat.assigned")
    assert "Votre compte demeure" in render_only_email("seat.withdrawn").text


@pytest.mark.slow
def test_a_seat_given_back_before_sending_cancels_the_withdrawal_email(jaures):
    code, subscription = jaures.subscription()
    teacher = jaures.teacher()
    seat = operations.claim(code=code, by=teacher, at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=LATER)
    with pytest.raises(NoLongerDue):
        render_only_email("seat.withdrawn")


@pytest.mark.slow
def test_a_teacher_is_emailed_when_a_principal_adds_them_to_the_school(jaures, elsewhere):
    jaures.subscription()
    teacher = elsewhere(TeacherFactory)
    operations.attach_proposed_teacher(teacher_id=teacher.pk, uai=jaures.school.uai, by=jaures.principal, at=TERM)
    rendered = render_only_email("teacher.joined")
    assert "École Jean Jaurès (Nîmes)" in rendered.text
    assert "Ce n'est pas votre école" in rendered.text


@pytest.mark.slow
def test_the_collectivity_s_event_is_written_in_its_schema_without_names(jaures):
    code, subscription = jaures.subscription()
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    jobs = ProcrastinateJob.objects.filter(task_name="pools.note_key_event").order_by("pk")
    assert [job.args for job in jobs] == [
        {"schema": "c_nimes", "key_id": subscription.key_id, "event": event, "at": TERM.isoformat(), **counts}
        for event, counts in (
            ("redeemed", {"held": 0, "size": 3}),
            ("held", {"held": 1, "size": 3}),
            ("held", {"held": 2, "size": 3}),
        )
    ]


@pytest.mark.slow
def test_no_message_holds_a_key(jaures):
    code, _ = jaures.subscription()
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    with schema_context("public"):
        for message in Message.objects.all():
            assert code not in str(vars(message))
