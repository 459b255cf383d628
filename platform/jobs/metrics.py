"""What a worker counts: the runs of its jobs, the deaths of others that it found, its periodic tasks that failed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from procrastinate import JobContext
from prometheus_client import Counter, Histogram

JOBS = Histogram(
    "peps_job_seconds",
    "Runs of jobs; outcome: succeeded, retried after an error, or failed for good.",
    ["queue", "task", "outcome"],
    buckets=(0.05, 0.25, 1, 5, 15, 60, 300, 900),
)
# Without labels, so that it is 0 from the start: the first failure of a task would else be no increase.
FAILED = Counter("peps_jobs_failed", "Jobs that failed for good, by an error or by their worker's death.")
LOST_RUNS = Counter("peps_job_lost_runs", "Runs that ended with the process of their worker.")
PERIODIC_FAILURES = Counter("peps_periodic_failures", "Runs of periodic tasks that ended with an error.", ["task"])


@contextlib.contextmanager
def measure_job(context: JobContext) -> Iterator[None]:
    """Time the run of a job and count it by its outcome."""
    started = time.perf_counter()
    outcome = "succeeded"
    try:
        yield
    except BaseException as error:
        task = context.app.tasks[context.job.task_name]
        will_retry = task.get_retry_exception(exception=error, job=context.job) is not None
        outcome = "retried" if will_retry else "failed"
        FAILED.inc(not will_retry)
        raise
    finally:
        JOBS.labels(context.job.queue, context.job.task_name, outcome).observe(time.perf_counter() - started)
