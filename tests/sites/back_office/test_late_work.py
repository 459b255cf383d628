"""« Ce qui attend » says what no e-mail can: nobody works, or not fast enough."""

import datetime

import pytest
from django.utils import timezone

from bounces.models import MailServerOutage
from jobs import due
from tests.jobs.queue_rows import add_job, beat
from tests.sites.back_office.pages import page_text

PAGE = "/admin/a-traiter/"
DAY = datetime.timedelta(days=1)
JOBS = "/admin/jobs/job/?etat="


def read(operator):
    """Return what the page says, and its links to the jobs."""
    answer = operator.get("/admin/", follow=True)
    tasks = [*answer.context["urgent"], *answer.context["others"]]
    return page_text(answer), [(one.url, one.urgent) for one in tasks if one.url.startswith(JOBS)]


@pytest.mark.slow
def test_without_a_worker_it_says_since_when_and_what_waits(operator):
    beat(timezone.now() - 3 * DAY)
    add_job(timezone.now() - 3 * DAY)
    add_job(timezone.now() - DAY)
    text, links = read(operator)
    assert (
        "Plus aucun travailleur ne tourne depuis 3 jours, aucun e-mail ne part. En retard : e-mails depuis 3 jours"
        " (2 tâches)"
    ) in text
    assert links == [(f"{JOBS}todo", True)]
    assert operator.get(links[0][0]).status_code == 200


@pytest.mark.slow
def test_where_none_has_ever_run_it_says_so(operator):
    add_job(timezone.now() - datetime.timedelta(hours=5))
    assert (
        "Aucun travailleur ne tourne, aucun e-mail ne part. En retard : e-mails depuis 5 heures (1 tâche)"
        in (read(operator)[0])
    )


@pytest.mark.slow
def test_a_worker_that_does_not_keep_up_is_late(operator):
    beat(timezone.now())
    add_job(timezone.now() - datetime.timedelta(minutes=20))
    assert "En retard : e-mails depuis 20 minutes (1 tâche)" in read(operator)[0]


@pytest.mark.slow
def test_it_says_what_is_late_the_oldest_first_and_not_what_is_on_time(operator):
    now = timezone.now()
    beat(now)
    add_job(now - 3 * DAY, queue="webhooks", task="webhooks.drain")
    add_job(now - DAY, queue="imports_large", task="imports.read")
    add_job(now - 2 * DAY, queue="imports", task="imports.read")
    add_job(now - datetime.timedelta(minutes=20), queue="default", task="orders.remind")
    add_job(now)
    assert (
        "En retard : webhooks depuis 3 jours (1 tâche), imports depuis 2 jours (2 tâches), autres tâches depuis"
        " 20 minutes (1 tâche)"
    ) in read(operator)[0]
    assert "e-mails depuis" not in read(operator)[0]


def test_due_work_that_nobody_made_a_job_of_is_late_as_well(operator):
    beat(timezone.now())
    due.schedule("reminders.plan", "c_nimes", timezone.now() - 2 * DAY)
    assert "En retard : travaux prévus depuis 2 jours" in read(operator)[0]


@pytest.mark.slow
def test_a_worker_that_died_is_missed_before_anything_waits(operator):
    beat(timezone.now() - datetime.timedelta(hours=3))
    text, _ = read(operator)
    assert "Plus aucun travailleur ne tourne depuis 3 heures : ce qui viendra attendra" in text


@pytest.mark.slow
def test_what_is_on_time_is_no_work_item_with_or_without_a_worker(operator):
    add_job(timezone.now())
    assert read(operator)[1] == []


def test_a_mail_server_that_takes_nothing_is_urgent_after_three_minutes(operator):
    now = timezone.now()
    outage = MailServerOutage.objects.create(
        failing_since=now - datetime.timedelta(minutes=2), failed_at=now, failure="Notre serveur ne répond pas."
    )
    assert "Aucun e-mail ne part" not in read(operator)[0]
    outage.failing_since = now - datetime.timedelta(minutes=20)
    outage.save()
    text, links = read(operator)
    assert "Aucun e-mail ne part depuis 20 minutes. Notre serveur ne répond pas." in text
    assert links == [(f"{JOBS}todo", True)]


@pytest.mark.slow
def test_jobs_that_failed_are_there_and_not_urgent(operator):
    add_job(timezone.now() - DAY, status="failed")
    text, links = read(operator)
    assert "1 tâche a échoué depuis sept jours" in text
    assert links == [(f"{JOBS}failed", False)]
