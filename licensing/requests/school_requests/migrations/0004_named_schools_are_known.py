"""The school of a request is one of the directory: see the migration of `schools` of this name."""

from django.db import migrations

CREATE = """
CREATE TRIGGER requests_licencerequest_school_is_known AFTER INSERT OR UPDATE OF school_id ON public.requests_licencerequest
    FOR EACH ROW WHEN (NEW.school_id IS NOT NULL) EXECUTE FUNCTION public.schools_school_is_known();
CREATE TRIGGER requests_teacherrequest_school_is_known AFTER INSERT OR UPDATE OF school_id ON public.requests_teacherrequest
    FOR EACH ROW WHEN (NEW.school_id IS NOT NULL) EXECUTE FUNCTION public.schools_school_is_known();
"""
DROP = """
DROP TRIGGER requests_licencerequest_school_is_known ON public.requests_licencerequest;
DROP TRIGGER requests_teacherrequest_school_is_known ON public.requests_teacherrequest;
"""


class Migration(migrations.Migration):
    dependencies = [("requests", "0003_requests_stay"), ("schools", "0004_named_schools_are_known")]
    operations = [migrations.RunSQL(CREATE, DROP)]
