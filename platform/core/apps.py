from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Socle"

    def ready(self) -> None:
        """Register the lookup `in_array`."""
        from core import array_lookups  # noqa: F401, PLC0415 - registers by decorator
