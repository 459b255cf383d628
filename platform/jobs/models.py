"""The queue's jobs under a French name, for the operator's admin. Written by procrastinate alone."""

from procrastinate.contrib.django.models import ProcrastinateJob


class Job(ProcrastinateJob):
    class Meta:
        proxy = True
        verbose_name = "tâche de la file"
        verbose_name_plural = "tâches de la file"
