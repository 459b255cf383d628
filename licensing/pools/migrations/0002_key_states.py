"""What became of keys stands beside their allocations, filled from the keys of 1.0.0."""

from django.db import migrations, models

# A block, since no statement names tables of an office and of the public schema: read first, then written.
FILL = """
DO $$
DECLARE
    states jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object(
        'key_id', key.id, 'redeemed_at', key.redeemed_at, 'held', seats.held, 'free', seats.free,
        'unused', seats.unused
    ))
    INTO states
    FROM public.tenants_collectivity AS collectivity
    JOIN public.entitlements_entitlement AS entitlement ON entitlement.collectivity_id = collectivity.id
    JOIN public.entitlements_activationkey AS key ON key.entitlement_id = entitlement.id
    JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
    CROSS JOIN LATERAL (
        SELECT
            count(seat.holder_id) AS held,
            count(*) FILTER (WHERE seat.holder_id IS NULL AND seat.reserved_at IS NULL) AS free,
            count(*) FILTER (
                WHERE seat.holder_id IS NULL AND seat.reserved_at IS NULL
                    AND NOT EXISTS (SELECT FROM public.entitlements_seatevent AS event WHERE event.seat_id = seat.id)
            ) AS unused
        FROM public.entitlements_seat AS seat
        WHERE seat.subscription_id = subscription.id
    ) AS seats
    WHERE collectivity.schema_name = current_schema();
    UPDATE pools_allocation AS allocation
    SET redeemed_at = state.redeemed_at, held = state.held, free = state.free, unused = state.unused
    FROM jsonb_to_recordset(states)
        AS state (key_id bigint, redeemed_at timestamptz, held integer, free integer, unused integer)
    WHERE allocation.key_id = state.key_id;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("pools", "0001_initial"), ("entitlements", "0003_named_schools_are_known")]
    operations = [
        migrations.AddField(
            model_name="allocation",
            name="redeemed_at",
            field=models.DateTimeField("activée le", null=True, blank=True, editable=False),
        ),
        *(
            migrations.AddField(
                model_name="allocation",
                name=name,
                field=models.PositiveIntegerField(label, default=0, db_default=0, editable=False),
            )
            for name, label in (("held", "utilisées"), ("free", "libres"), ("unused", "jamais utilisées"))
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
