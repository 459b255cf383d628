from django.apps import AppConfig


class RenewalsConfig(AppConfig):
    name = "licensing.renewals"
    label = "renewals"
    verbose_name = "Reconductions"

    def ready(self) -> None:
        """Register the renderer of the e-mails."""
        from licensing.renewals import emails  # noqa: F401, PLC0415 - registers its kind of e-mail
