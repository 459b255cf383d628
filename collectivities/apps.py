from django.apps import AppConfig


class CollectivitiesConfig(AppConfig):
    name = "collectivities"
    verbose_name = "Bureau de la collectivité"

    def ready(self) -> None:
        """Say how the office's e-mails are rendered."""
        from collectivities import emails  # noqa: F401, PLC0415 - registers the kinds, once the models are loaded
