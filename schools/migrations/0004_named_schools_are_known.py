"""What names a school names one of the directory: a trigger looks it up."""

from django.db import migrations

# A constraint would chain every public table to the directory, which a cluster keeps on each of its machines
# (docs/decisions/0162). Schools stay, so that to look when a row is written is enough. Raised as a foreign key would.
FUNCTION = """
CREATE FUNCTION public.schools_school_is_known() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM public.schools_school AS school WHERE school.uai = NEW.school_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'A row of % names the school %, which the directory does not have', TG_TABLE_NAME, NEW.school_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

CREATE = """
CREATE TRIGGER schools_affiliation_school_is_known AFTER INSERT OR UPDATE OF school_id ON public.schools_affiliation
    FOR EACH ROW WHEN (NEW.school_id IS NOT NULL) EXECUTE FUNCTION public.schools_school_is_known();
CREATE TRIGGER schools_principalevent_school_is_known AFTER INSERT OR UPDATE OF school_id ON public.schools_principalevent
    FOR EACH ROW WHEN (NEW.school_id IS NOT NULL) EXECUTE FUNCTION public.schools_school_is_known();
CREATE TRIGGER schools_principalrequest_school_is_known AFTER INSERT OR UPDATE OF school_id ON public.schools_principalrequest
    FOR EACH ROW WHEN (NEW.school_id IS NOT NULL) EXECUTE FUNCTION public.schools_school_is_known();
"""
DROP = """
DROP TRIGGER schools_affiliation_school_is_known ON public.schools_affiliation;
DROP TRIGGER schools_principalevent_school_is_known ON public.schools_principalevent;
DROP TRIGGER schools_principalrequest_school_is_known ON public.schools_principalrequest;
"""


class Migration(migrations.Migration):
    dependencies = [("schools", "0003_schools_stay")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.schools_school_is_known()"),
        migrations.RunSQL(CREATE, DROP),
    ]
