"""Fairness of imports between collectivities, and imports whose jobs killed their worker."""

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_tenants.utils import tenant_context
from procrastinate.contrib.django.models import ProcrastinateJob

from imports import queries, tasks
from imports.enums import ImportState
from imports.models import AnnotatedFile, SpreadsheetImport
from imports.operations import annotation, apply_rows, import_lock
from imports.operations.upload import store_upload
from jobs.tasks import report_given_up
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import required_count, upload_and_parse
from tests.imports.sample_files import schools_csv
from tests.waiting_jobs import list_waiting_jobs
from tests.waits import wait_until
from tests.workers import running_worker


def build_csv(rows):
    return b"UAI;Licences\n" + b"".join(b"03%05dA;2\n" % number for number in range(rows))


def upload(pool, content, filename="écoles.csv"):
    return store_upload(
        pool_id=pool.pk, filename=filename, content=content, units_for_all=None, by=None, at=timezone.now()
    )


@pytest.mark.slow
def test_twenty_rows_do_not_wait_for_the_hundred_thousands_of_another_collectivity(committing):
    pool = PoolFactory()
    large = [upload(pool, build_csv(100_000), f"{number}.csv").pk for number in range(5)]
    with tenant_context(Collectivity.objects.get(slug="gard")):
        small = upload(PoolFactory(), build_csv(20)).pk
        with running_worker():
            read = (ImportState.READ, ImportState.CHECKED)
            wait_until(lambda: SpreadsheetImport.objects.filter(pk=small, state__in=read).exists())
    assert set(SpreadsheetImport.objects.filter(pk__in=large).values_list("state", flat=True)) == {ImportState.UPLOADED}
    # One of them at a time.
    assert ProcrastinateJob.objects.filter(queue_name="imports_large", status="doing").count() == 1


def test_a_collectivity_that_sends_many_files_delays_itself_alone(nimes, gard):
    def queue_three(collectivity):
        with tenant_context(collectivity):
            pool = PoolFactory()
            for _ in range(3):
                upload(pool, b"UAI;Licences\n")
            return [job["priority"] for job in list_waiting_jobs("imports.read", schema=collectivity.schema_name)]

    assert queue_three(nimes) == [0, -1, -2]
    assert queue_three(gard) == [0, -1, -2]


def test_large_imports_of_a_collectivity_wait_for_one_another(nimes):
    pool = PoolFactory()
    content = build_csv(import_lock.LARGE_SIZE // 10)
    first, second, small = upload(pool, content), upload(pool, content + b"\n"), upload(pool, b"UAI\n")
    jobs = ProcrastinateJob.objects.filter(task_name="imports.read").order_by("pk")
    assert [(job.args["import_id"], job.queue_name, job.lock) for job in jobs] == [
        (first.pk, "imports_large", "imports:c_nimes"),
        (second.pk, "imports_large", "imports:c_nimes"),
        (small.pk, "imports", f"import:c_nimes:{small.pk}"),
    ]


def test_a_file_whose_reading_killed_its_worker_is_rejected_with_the_reason(nimes):
    waiting = upload(PoolFactory(), b"UAI;Licences\n")
    report_given_up("imports.read", {"schema": nimes.schema_name, "import_id": waiting.pk})
    waiting.refresh_from_db()
    assert waiting.state == ImportState.REJECTED
    assert "n'a pas pu être lu" in waiting.refusal


@pytest.mark.slow
def test_an_application_that_killed_its_worker_returns_to_review_with_the_reason(nimes):
    checked = upload_and_parse(PoolFactory(), schools_csv((SchoolFactory(), 2)))
    apply_rows.confirm(
        import_id=checked.pk,
        digest=queries.compute_digest(checked),
        send_on=None,
        confirmed_count=required_count(checked),
        only_valid=False,
        by=None,
        at=TERM,
    )
    [job] = list_waiting_jobs("imports.apply")
    report_given_up("imports.apply", job["args"])
    checked.refresh_from_db()
    assert checked.state == ImportState.CHECKED
    assert "Rien n'a été appliqué" in checked.refusal


@pytest.mark.slow
def test_an_annotated_workbook_that_killed_its_worker_is_marked_as_failed(nimes):
    checked = upload_and_parse(PoolFactory(), schools_csv((SchoolFactory(), 2)))
    annotation.request_annotation(import_id=checked.pk, at=TERM)
    report_given_up("imports.annotate", {"schema": nimes.schema_name, "import_id": checked.pk})
    assert AnnotatedFile.objects.get(pk=checked.pk).failure


def test_a_dropped_connection_does_not_end_the_annotated_workbook(nimes, monkeypatch):
    checked = upload_and_parse(PoolFactory(), schools_csv((SchoolFactory(), 2)))
    annotation.request_annotation(import_id=checked.pk, at=TERM)

    def drop(_):
        raise OperationalError

    with monkeypatch.context() as broken:
        broken.setattr(annotation, "build_annotated_workbook", drop)
        with pytest.raises(OperationalError):
            tasks.annotate(import_id=checked.pk)
    assert not AnnotatedFile.objects.get(pk=checked.pk).failure
    tasks.annotate(import_id=checked.pk)
    assert AnnotatedFile.objects.get(pk=checked.pk).made_at is not None
