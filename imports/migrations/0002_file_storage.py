"""Files are compressed already: PostgreSQL stores them as they are."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("imports", "0001_initial")]
    operations = [
        migrations.RunSQL(f"ALTER TABLE {table} ALTER COLUMN content SET STORAGE EXTERNAL", migrations.RunSQL.noop)
        for table in ("imports_importfile", "imports_annotatedfile")
    ]
