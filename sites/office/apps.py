from django.apps import AppConfig


class OfficeConfig(AppConfig):
    name = "sites.office"
    label = "office"
    verbose_name = "Bureau"

    def ready(self) -> None:
        """Register the e-mails of the office's pages, and what notices sendings that fail."""
        from mailing import failed_sendings  # noqa: PLC0415 - needs the models
        from sites.office.messages import failure_letters  # noqa: PLC0415 - needs the models
        from sites.office.weekly_letter import emails  # noqa: F401, PLC0415 - registers its kind of e-mail

        failed_sendings.on_failed_sending(failure_letters.tell_managers)
