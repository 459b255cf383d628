from django.apps import AppConfig


class RemindersConfig(AppConfig):
    name = "licensing.reminders"
    label = "reminders"
    verbose_name = "Relances"

    def ready(self) -> None:
        """Register the kinds of e-mails, and what pages of pools say of reminders and of who stopped them."""
        from licensing.pools import pool_notes, stopped_reminders  # noqa: PLC0415 - needs the models
        from licensing.reminders import message_kinds, queries  # noqa: PLC0415 - needs the models

        message_kinds.register_kinds()
        pool_notes.register(queries.describe_pools)
        stopped_reminders.register(queries.find_stopped)
