from typing import ClassVar

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Tâches"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"procrastinate_jobs": ["args"]}
