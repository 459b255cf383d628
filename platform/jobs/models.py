"""Models of the queue: a proxy of procrastinate's jobs with French names, and the runs that a worker's death ended."""

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
