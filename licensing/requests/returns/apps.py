from django.apps import AppConfig


class ReturnsConfig(AppConfig):
    name = "licensing.requests.returns"
    label = "returns"
    verbose_name = "Licences rendues"
