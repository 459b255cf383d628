"""Models of the queue: procrastinate's jobs with French names, runs that a worker's death ended, and due work."""

from typing import ClassVar

from django.db import models
from procrastinate.contrib.django.models import ProcrastinateJob


class Job(ProcrastinateJob):
    """A job of the queue. Written by procrastinate only."""

    class Meta:
        proxy = True
        verbose_name = "tâche de la file"
        verbose_name_plural = "tâches de la file"


class LostRun(models.Model):
    """A run that ended with the process of its worker. Not counted by a job's `attempts`, which are mostly retries."""

    # Not a foreign key: procrastinate deletes its rows by SQL, and its models know no deletion by the database.
    job_id = models.BigIntegerField(db_index=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "exécution perdue"
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.at}"


class DueWork(models.Model):
    """Work that a schema has to do from a moment on: a task. Written by `jobs.due` and by a trigger of the queue.

    Rows are added and taken, never changed: of several for one schema the first counts, and all that are due are taken.
    """

    # The name of a task.
    kind = models.CharField(max_length=60)
    schema = models.CharField(max_length=63)
    due_at = models.DateTimeField()

    class Meta:
        verbose_name = "travail à faire"
        indexes: ClassVar = [
            models.Index(name="due_work_due", fields=["kind", "due_at"]),
            models.Index(name="due_work_of_schema", fields=["kind", "schema", "due_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.schema}): {self.due_at}"
