"""Name who accepted the invitations of 1.0.0, by the journal: each entry has the moment of its invitation."""

from django.db import migrations

# An office has some dozens of invitations: those of a year.
NAME = """
UPDATE collectivities_invitation AS invitation SET accepted_by_id = entry.actor_id
FROM collectivities_auditentry AS entry
WHERE entry.action = 'members.joined' AND entry.at = invitation.accepted_at AND invitation.accepted_by_id IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("collectivities", "0003_invitation_accepted_by")]
    operations = [migrations.RunSQL(NAME, migrations.RunSQL.noop)]
