"""A job that is lost is due work: one that failed for good, or was cancelled or deleted before it ended."""

from django.db import migrations

# Two minutes: whoever deletes a job by mistake sees it, and one that fails again and again leaves room for others.
FUNCTION = """
CREATE FUNCTION public.jobs_schedule_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.jobs_duework (kind, schema, due_at)
    VALUES (CASE WHEN TG_NARGS = 1 THEN TG_ARGV[0] ELSE OLD.task_name END, OLD.args ->> 'schema',
            now() + interval '2 minutes');
    RETURN NULL;
END $$;
"""

# The jobs that `jobs.due` queued, known by their lock, and those of the same tasks that were queued otherwise. A task
# with arguments is not run again, but another, without any, which looks for what it left.
JOBS_BY_KIND = {
    "": "OLD.queueing_lock = OLD.task_name || ':' || (OLD.args ->> 'schema')"
    " OR OLD.task_name IN ('mailing.drain', 'webhooks.drain', 'pools.release_held_emails')",
    "imports.recover": "OLD.task_name IN ('imports.read', 'imports.apply')",
}


def _build_triggers() -> list[str]:
    statements = []
    for kind, jobs in JOBS_BY_KIND.items():
        name = f"jobs_schedule_again_{kind.replace('.', '_')}".rstrip("_")
        argument = f"'{kind}'" if kind else ""
        perform = f"FOR EACH ROW WHEN ({{lost}} AND ({jobs})) EXECUTE FUNCTION public.jobs_schedule_again({argument})"
        lost = "OLD.status IN ('todo', 'doing') AND OLD.args ->> 'schema' <> ''"
        statements += [
            f"CREATE TRIGGER {name}_deleted AFTER DELETE ON public.procrastinate_jobs {perform.format(lost=lost)}",
            f"CREATE TRIGGER {name}_ended AFTER UPDATE OF status ON public.procrastinate_jobs "
            + perform.format(lost=f"{lost} AND NEW.status IN ('failed', 'cancelled', 'aborted')"),
        ]
    return statements


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.jobs_schedule_again() CASCADE"),
        migrations.RunSQL(_build_triggers(), migrations.RunSQL.noop),
    ]
