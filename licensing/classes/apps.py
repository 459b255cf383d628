from django.apps import AppConfig


class ClassesConfig(AppConfig):
    name = "licensing.classes"
    label = "classes"
    verbose_name = "Classes et élèves"

    def ready(self) -> None:
        """Register the letters that this app writes."""
        from licensing.classes import sharing_emails  # noqa: F401, PLC0415 - needs the models
