from typing import ClassVar

from django.apps import AppConfig


class CollectivitiesConfig(AppConfig):
    name = "collectivities"
    verbose_name = "Bureau de la collectivité"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"collectivities_invitation": ["nonce", "token_hash"]}

    def ready(self) -> None:
        """Register the kinds of the office's e-mails, and what hears of those that are lost."""
        # Once the models are loaded.
        from collectivities import emails  # noqa: F401, PLC0415 - registers the kinds
        from collectivities.office_concerns import schedule_check_of_lost  # noqa: PLC0415
        from mailing.delivery_events import on_lost  # noqa: PLC0415

        on_lost(schedule_check_of_lost)
