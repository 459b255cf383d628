from django.apps import AppConfig


class PoolsConfig(AppConfig):
    name = "licensing.pools"
    label = "pools"
    verbose_name = "Lots et attributions"

    def ready(self) -> None:
        """Register the kinds of messages of this app."""
        from licensing.pools import message_kinds  # noqa: PLC0415 - needs the models

        message_kinds.register_kinds()
