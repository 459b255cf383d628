from typing import ClassVar

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "API"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {
        "api_idempotencyrecord": ["key_hash", "sealed_body"],
        "api_token": ["token_hash"],
    }

    def ready(self) -> None:
        """Register the periodic task, the OpenAPI extension for tokens, and tokens as readers of events.

        Without such a token or a webhook, no event is written.
        """
        from api import authentication, idempotency, tokens  # noqa: F401, PLC0415 - need the models
        from webhooks import listeners  # noqa: PLC0415 - needs the models

        listeners.register_readers(tokens.list_event_readers)
