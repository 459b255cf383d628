"""Reports are only added to."""

from django.db import migrations

IMMUTABLE = """
CREATE FUNCTION public.e_reporting_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A report that was made is neither changed nor deleted'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER e_reporting_periodreport_immutable BEFORE UPDATE OR DELETE ON public.e_reporting_periodreport
    FOR EACH ROW EXECUTE FUNCTION public.e_reporting_immutable();
CREATE TRIGGER e_reporting_periodreport_is_not_emptied BEFORE TRUNCATE ON public.e_reporting_periodreport
    FOR EACH STATEMENT EXECUTE FUNCTION public.e_reporting_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("e_reporting", "0001_initial")]
    operations = [migrations.RunSQL(IMMUTABLE, "DROP FUNCTION public.e_reporting_immutable() CASCADE")]
