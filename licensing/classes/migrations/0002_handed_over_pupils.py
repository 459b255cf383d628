"""The pupils of a handover are of its class."""

from django.db import migrations

# Deferred, as a pupil leaves the class and the handover in one statement, and Django's own keys are.
OF_ITS_CLASS = """
ALTER TABLE public.classes_pupilaccount ADD CONSTRAINT pupil_handover_of_class
    FOREIGN KEY (handover_id, classroom_id) REFERENCES public.classes_pupilhandover (id, classroom_id)
    DEFERRABLE INITIALLY DEFERRED
"""


class Migration(migrations.Migration):
    dependencies = [("classes", "0001_initial")]
    operations = [
        migrations.RunSQL(
            OF_ITS_CLASS, "ALTER TABLE public.classes_pupilaccount DROP CONSTRAINT pupil_handover_of_class"
        )
    ]
