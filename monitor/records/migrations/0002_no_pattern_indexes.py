from django.db import migrations

# Django gives each text column with an index of its own a second one on PostgreSQL, for LIKE
# 'x%'. Nobody asks that here, and every row recorded would pay for it.
FIND = """
SELECT indexname FROM pg_indexes
WHERE schemaname = current_schema() AND tablename LIKE 'records\\_%%' AND indexname LIKE '%%\\_like'
"""


def drop(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FIND, [])
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


class Migration(migrations.Migration):
    dependencies = [("records", "0001_records")]
    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
