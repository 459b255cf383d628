from django.apps import AppConfig


class PoolsConfig(AppConfig):
    name = "licensing.pools"
    label = "pools"
    verbose_name = "Lots et attributions"

    def ready(self) -> None:
        """Tell the outbox which messages are ours."""
        from licensing.pools import outbox  # noqa: PLC0415 - needs the models, which are loaded by now

        outbox.register()
