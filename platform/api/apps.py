from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "API"

    def ready(self) -> None:
        """Register the periodic task, the readers of events and the OpenAPI extension for tokens."""
        from api import authentication, event_readers, idempotency  # noqa: F401, PLC0415 - need the models
