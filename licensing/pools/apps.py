from django.apps import AppConfig


class PoolsConfig(AppConfig):
    name = "licensing.pools"
    label = "pools"
    verbose_name = "Lots et attributions"

    def ready(self) -> None:
        """Register the kinds of messages of this app, and what tells that an office has given something."""
        from collectivities import second_factor_rule  # noqa: PLC0415 - needs the models
        from licensing.pools import bounce_journal, message_kinds, queries  # noqa: PLC0415 - needs the models
        from licensing.pools.operations import held_emails  # noqa: PLC0415 - needs the models
        from mailing import delivery_events  # noqa: PLC0415 - needs the models

        message_kinds.register_kinds()
        delivery_events.on_bounced(bounce_journal.record_bounces)
        delivery_events.on_held(held_emails.schedule_look)
        second_factor_rule.register_gifts(queries.has_given)
