from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Comptes"

    def ready(self) -> None:
        """Register this app's kinds of e-mail."""
        from accounts import emails  # noqa: F401, PLC0415 - needs the models
