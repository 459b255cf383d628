from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Socle"

    def ready(self) -> None:
        """Register the lookup `in_array` and the checks of `manage.py check --deploy`."""
        from core import array_lookups, start_checks  # noqa: F401, PLC0415 - register by decorator
