from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Comptes"

    def ready(self) -> None:
        """Register the letters that this app writes."""
        from accounts import emails  # noqa: F401, PLC0415 - needs the models
