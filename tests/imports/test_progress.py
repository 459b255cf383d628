"""The worker's progress, seen from outside its transaction, and cancellation."""

import datetime
from threading import Event

import pytest
from django.db import connection
from django.utils import timezone

from collectivities.models import AuditEntry
from imports import progress, queries, tasks
from imports.enums import ImportState
from imports.models import ImportProgress, ImportRow, SpreadsheetImport
from imports.operations import apply_rows, cancellation, upload
from jobs import due
from licensing.pools.checks import AllocationStage
from licensing.pools.models import Allocation
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import required_count, upload_and_parse
from tests.imports.sample_files import schools_csv
from tests.races import open_transaction, run_in_thread
from tests.waiting_jobs import list_waiting_jobs
from tests.waits import wait_until


class WorkerPause:
    """Pause a worker: `reached` is set when it stops, `go` lets it continue."""

    def __init__(self, step):
        self.step, self.reached, self.go = step, Event(), Event()

    def __call__(self, original):
        def report_step(report, step, done, total):
            original(report, step, done, total)
            if step == self.step:
                self.reached.set()
                wait_until(self.go.is_set)

        return report_step


@pytest.fixture
def confirmed(committing):
    pool = PoolFactory(capacity=100)
    spreadsheet_import = upload_and_parse(pool, schools_csv(*[(school, 2) for school in SchoolFactory.create_batch(3)]))
    apply_rows.confirm(
        import_id=spreadsheet_import.pk,
        digest=queries.compute_digest(spreadsheet_import),
        send_on=None,
        confirmed_count=required_count(spreadsheet_import),
        by=None,
        at=TERM,
    )
    return spreadsheet_import


@pytest.fixture
def paused(monkeypatch):
    """Pause the worker once it has reported a step."""

    def at(step):
        pause = WorkerPause(step)
        monkeypatch.setattr(progress.ProgressReporter, "__call__", pause(progress.ProgressReporter.__call__))
        return pause

    return at


@pytest.mark.slow
def test_progress_is_visible_before_the_import_commits(committing, confirmed, paused):
    pause = paused(AllocationStage.MESSAGES)
    with run_in_thread(committing.schema_name, lambda: tasks.apply(import_id=confirmed.pk)):
        wait_until(pause.reached.is_set)
        current = progress.get_current_progress(confirmed.pk, at=timezone.now() + datetime.timedelta(seconds=10))
        assert (current.label, current.total) == ("Préparation des e-mails", 3)
        assert 0 < current.percent < 100
        assert 0 < current.left < 60
        assert not Allocation.objects.exists()  # not committed
        pause.go.set()
    confirmed.refresh_from_db()
    assert confirmed.state == ImportState.APPLIED
    assert progress.get_current_progress(confirmed.pk, at=timezone.now()) is None


@pytest.mark.slow
def test_applying_is_cancelled_between_two_steps_without_blocking_the_request(committing, confirmed, paused):
    pause, officer = paused(AllocationStage.ALLOCATIONS), UserFactory()
    with run_in_thread(committing.schema_name, lambda: tasks.apply(import_id=confirmed.pk)):
        wait_until(pause.reached.is_set)
        # The worker holds the import's lock and cannot continue before the next line: this must not wait for it.
        cancelled_import = cancellation.cancel(import_id=confirmed.pk, by=officer, at=TERM)
        assert cancelled_import.state == ImportState.APPLYING
        assert progress.get_current_progress(confirmed.pk, at=TERM).stopping
        pause.go.set()
    confirmed.refresh_from_db()
    assert confirmed.state == ImportState.CANCELLED
    assert not Allocation.objects.exists()
    assert not Message.objects.exists()
    assert not ImportProgress.objects.exists()
    assert AuditEntry.objects.get(action="import.cancelled").actor_id == officer.pk


def test_parsing_is_cancelled_too(committing, paused):
    pause = paused("resolving")
    spreadsheet_import = upload.store_upload(
        pool_id=PoolFactory(capacity=100).pk, filename="a.csv", content=schools_csv((SchoolFactory(), 1)),
        units_for_all=None, by=None, at=TERM,
    )  # fmt: skip
    with run_in_thread(committing.schema_name, lambda: tasks.read(import_id=spreadsheet_import.pk)):
        wait_until(pause.reached.is_set)
        cancellation.cancel(import_id=spreadsheet_import.pk, by=None, at=TERM)
        pause.go.set()
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CANCELLED
    assert not ImportRow.objects.exists()


@pytest.mark.slow
def test_a_cancelled_undo_leaves_the_import_applied(committing, confirmed, paused):
    tasks.apply(import_id=confirmed.pk)
    pause = paused(AllocationStage.TAKING_BACK)
    with run_in_thread(committing.schema_name, lambda: tasks.undo(import_id=confirmed.pk, asked_at=TERM.isoformat())):
        wait_until(pause.reached.is_set)
        assert progress.request_stop(confirmed.pk)
        pause.go.set()
    confirmed.refresh_from_db()
    assert confirmed.state == ImportState.APPLIED
    assert Allocation.objects.active().count() == 3


def test_the_progress_bar_only_grows_and_estimates_the_end(committing):
    done_counts = []
    with progress.report_progress(7, progress.APPLYING_SHARES) as report:
        for step in progress.APPLYING_SHARES:
            report(step, 0, 1_000)
            done_counts.append(ImportProgress.objects.get(pk=7).done)
    assert done_counts == sorted(done_counts)
    assert (done_counts[0], done_counts[-1]) == (0, 850)
    assert sum(progress.READING_SHARES.values()) == sum(progress.UNDOING_SHARES.values()) == pytest.approx(1)
    ImportProgress.objects.create(import_id=8, step="keys", done=250, total=1_000, started_at=TERM)
    current = progress.get_current_progress(8, at=TERM + datetime.timedelta(seconds=2))
    assert (current.percent, current.left) == (25, 6)


def test_the_work_does_not_wait_for_whoever_holds_its_progress(committing, caplog):
    ImportProgress.objects.create(import_id=7, started_at=TERM)
    hold = ImportProgress.objects.select_for_update().get
    with open_transaction("c_nimes", hold), progress.report_progress(7, progress.APPLYING_SHARES) as report:
        report("keys", 1, 2)
    assert "The progress of import 7 cannot be shown" in caplog.text
    assert ImportProgress.objects.get().step == ""


def test_every_step_that_reading_reports_has_a_share_and_a_label(committing, monkeypatch):
    steps = []
    monkeypatch.setattr(progress.ProgressReporter, "__call__", lambda _, step, *_counts: steps.append(step))
    upload_and_parse(PoolFactory(), schools_csv((SchoolFactory(), 2)))
    assert ["waiting", *dict.fromkeys(steps)] == list(progress.READING_SHARES)
    assert {*progress.READING_SHARES, *progress.APPLYING_SHARES, *progress.PORTFOLIO_SHARES} <= set(progress.LABELS)


@pytest.mark.slow
def test_imports_whose_job_is_gone_are_released(committing, confirmed):
    pool = confirmed.pool
    unread = upload.store_upload(pool_id=pool.pk, filename="b.csv", content=b"x", units_for_all=None, by=None, at=TERM)
    ImportProgress.objects.create(import_id=unread.pk, step="reading", started_at=TERM)
    now = timezone.now()
    assert cancellation.recover_abandoned(at=now) == 0  # jobs are waiting
    assert list_waiting_jobs("imports.apply", import_id=confirmed.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE public.procrastinate_jobs SET status = 'succeeded'"
            " WHERE task_name = 'imports.read' AND args->>'import_id' = %s",
            [str(confirmed.pk)],
        )
        cursor.execute("UPDATE public.procrastinate_jobs SET status = 'doing' WHERE status = 'todo'")
        assert cancellation.recover_abandoned(at=now) == 0
        cursor.execute("UPDATE public.procrastinate_jobs SET status = 'failed' WHERE task_name = 'imports.apply'")
        cursor.execute("DELETE FROM public.procrastinate_jobs WHERE task_name = 'imports.read'")
    # The office is looked at soon.
    soon = now + datetime.timedelta(minutes=3)
    assert due.queue_due_work(at=soon, kinds=["imports.recover"]) == [("imports.recover", "c_nimes")]
    assert tasks.recover_abandoned() == 2
    assert tasks.recover_abandoned() == 0
    assert dict(SpreadsheetImport.objects.values_list("pk", "state")) == {
        confirmed.pk: ImportState.CHECKED,
        unread.pk: ImportState.REJECTED,
    }
    assert "confirmez de nouveau" in SpreadsheetImport.objects.get(pk=confirmed.pk).refusal
    assert not ImportProgress.objects.exists()
