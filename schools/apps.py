from django.apps import AppConfig


class SchoolsConfig(AppConfig):
    name = "schools"
    verbose_name = "Annuaire des établissements"

    def ready(self) -> None:
        """Register the kinds of this app's e-mails."""
        from schools.principals import emails  # noqa: F401, PLC0415 - needs the models
