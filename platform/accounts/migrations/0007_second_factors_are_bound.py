"""Factors that were added before say whose they are, as new ones do (`accounts.second_factor.bind`)."""

import hashlib
import json

from django.db import migrations

from core.sealing import Sealer, UnsealError

SECRET_KEYS = {"totp": "secret", "recovery_codes": "seed"}


def bind(apps, schema_editor):
    sealer = Sealer("accounts.second-factor")
    factors = apps.get_model("mfa", "Authenticator").objects.using(schema_editor.connection.alias)
    for factor in factors.iterator(chunk_size=500):
        key = SECRET_KEYS.get(factor.type)
        try:
            checked_with = sealer.unseal(factor.data[key].encode()).decode() if key else factor.data["credential"]
        except UnsealError:
            # Its sealing key is gone: it lets nobody in.
            continue
        digest = hashlib.sha256(json.dumps(checked_with, sort_keys=True).encode()).hexdigest()
        bound_to = f"{factor.user_id} {factor.type} {digest}"
        factor.data["binding"] = sealer.seal(bound_to.encode()).decode()
        factor.save(update_fields=["data"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_operators_are_made_by_the_owner"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]
    operations = [migrations.RunPython(bind, migrations.RunPython.noop)]
