from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Socle"

    def ready(self) -> None:
        """Register the lookup `in_array`, the checks of `manage.py check --deploy` and what apps declare."""
        from core import models, start_checks  # noqa: F401, PLC0415 - register by decorator

        autodiscover_modules("declarations")
