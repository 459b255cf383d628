from django.apps import AppConfig


class ReturnsConfig(AppConfig):
    name = "licensing.returns"
    label = "returns"
    verbose_name = "Licences rendues"

    def ready(self) -> None:
        """Register the renderer of the e-mail with the outbox, and the act on many allocations."""
        from licensing.returns import bulk_asking, emails  # noqa: F401, PLC0415 - needs the models

        bulk_asking.register_actions()
