from typing import ClassVar

from django.apps import AppConfig


class MailingConfig(AppConfig):
    name = "mailing"
    verbose_name = "Courriers"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"mailing_message": ["context"]}

    def ready(self) -> None:
        """Receive the events of the provider that sends our messages, if one does."""
        from mailing import provider_events  # noqa: PLC0415 - needs the models

        if provider_events.is_configured():
            provider_events.connect()
