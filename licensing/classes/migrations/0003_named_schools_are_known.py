"""The school of a certificate is one of the directory: see the migration of `schools` of this name."""

from django.db import migrations

CREATE = """
CREATE TRIGGER classes_deletioncertificate_school_is_known AFTER INSERT OR UPDATE OF school_id ON public.classes_deletioncertificate
    FOR EACH ROW WHEN (NEW.school_id IS NOT NULL) EXECUTE FUNCTION public.schools_school_is_known();
"""
DROP = """
DROP TRIGGER classes_deletioncertificate_school_is_known ON public.classes_deletioncertificate;
"""


class Migration(migrations.Migration):
    dependencies = [("classes", "0002_handed_over_pupils"), ("schools", "0004_named_schools_are_known")]
    operations = [migrations.RunSQL(CREATE, DROP)]
