"""Proxy of procrastinate's jobs with French names, for the back office. Written by procrastinate only."""

from procrastinate.contrib.django.models import ProcrastinateJob


class Job(ProcrastinateJob):
    class Meta:
        proxy = True
        verbose_name = "tâche de la file"
        verbose_name_plural = "tâches de la file"
