from django.apps import AppConfig


class RemindersConfig(AppConfig):
    name = "licensing.reminders"
    label = "reminders"
    verbose_name = "Relances"
