from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Collectivités"

    def ready(self) -> None:
        """Register the checks."""
        from tenants import checks  # noqa: F401, PLC0415 - need the models
