from typing import ClassVar

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = "Webhooks"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {
        # Receivers may have put a password into the address.
        "webhooks_webhookendpoint": ["sealed_previous", "sealed_secret", "url"],
    }
