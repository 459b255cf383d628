from django.apps import AppConfig


class CollectivitiesConfig(AppConfig):
    name = "collectivities"
    verbose_name = "Bureau de la collectivité"

    def ready(self) -> None:
        """Register the kinds of the office's e-mails."""
        from collectivities import emails  # noqa: F401, PLC0415 - registers the kinds, once the models are loaded
