from typing import ClassVar

from django.apps import AppConfig


class CollectivitiesConfig(AppConfig):
    name = "collectivities"
    verbose_name = "Bureau de la collectivité"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"collectivities_invitation": ["nonce", "token_hash"]}

    def ready(self) -> None:
        """Register the kinds of the office's e-mails."""
        from collectivities import emails  # noqa: F401, PLC0415 - registers the kinds, once the models are loaded
