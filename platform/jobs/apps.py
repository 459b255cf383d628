from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Tâches"

    def ready(self) -> None:
        """Register the worker's own periodic tasks."""
        from jobs import housekeeping  # noqa: F401, PLC0415 - needs the settings
