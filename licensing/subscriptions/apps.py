from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    name = "licensing.subscriptions"
    label = "subscriptions"
    verbose_name = "Clés et abonnements"
