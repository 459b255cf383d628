from django.apps import AppConfig


class ClassesConfig(AppConfig):
    name = "licensing.classes"
    label = "classes"
    verbose_name = "Classes et élèves"

    def ready(self) -> None:
        """Register the letters that this app writes, and what it stores sealed."""
        from licensing.classes import emails, resealing, sharing_emails  # noqa: F401, PLC0415 - needs the models
        from licensing.subscriptions.resealing import register  # noqa: PLC0415 - needs the models

        register(resealing.reseal_batch)
