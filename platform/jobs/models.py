"""Models of the queue: procrastinate's jobs with French names, runs that a worker's death ended, due work.

And what could not be taken in of what came from outside.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
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


class SetAsideItem(models.Model):
    """One of many things that came from outside, and could not be taken in: the others were. By `jobs.set_aside`.

    The operator sees it; whoever sent it may send it again, which changes nothing here.
    """

    # In French: what it came with.
    source = models.CharField("reçu de", max_length=80)
    # The sender's own number of it.
    reference = models.CharField("référence", max_length=200)
    # In French.
    reason = models.TextField("pourquoi")
    found_at = models.DateTimeField("mis de côté le")
    # By the operator: it leaves their list of work.
    seen_at = models.DateTimeField("vu le", null=True, blank=True)

    class Meta:
        verbose_name = "élément mis de côté"
        verbose_name_plural = "éléments mis de côté"
        constraints: ClassVar = [
            models.UniqueConstraint(name="set_aside_item_once", fields=["source", "reference"]),
            models.CheckConstraint(name="set_aside_item_says_why", condition=~Q(source="") & ~Q(reason="")),
        ]
        indexes: ClassVar = [
            models.Index(name="set_aside_item_unseen", fields=["found_at"], condition=Q(seen_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.reference}"
