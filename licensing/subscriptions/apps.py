from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    name = "licensing.subscriptions"
    label = "subscriptions"
    verbose_name = "Clés et abonnements"

    def ready(self) -> None:
        """Register the e-mails of this app."""
        from licensing.subscriptions import emails  # noqa: F401, PLC0415 - needs the models
