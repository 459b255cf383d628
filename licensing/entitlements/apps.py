from typing import ClassVar

from django.apps import AppConfig

from web import teaching


class EntitlementsConfig(AppConfig):
    name = "licensing.entitlements"
    label = "entitlements"
    verbose_name = "Clés et abonnements"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"entitlements_activationkey": ["sealed_code"]}

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox, and who has « Mes classes » in the menu."""
        from licensing.entitlements import emails, queries  # noqa: F401, PLC0415 - needs the models

        teaching.register_check(queries.is_teacher)
