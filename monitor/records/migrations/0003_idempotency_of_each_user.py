from django.db import migrations, models
from django.db.models import F


def give_keys_to_users(apps, schema_editor):
    # Keys of messages stay everybody's: any runner may get one again.
    executions = apps.get_model("records", "WorkflowExecution").objects
    own = executions.exclude(idempotency_key=None).exclude(started_through="message")
    own.update(idempotency_scope=F("executed_by"))


class Migration(migrations.Migration):
    dependencies = [("records", "0002_no_pattern_indexes")]
    operations = [
        migrations.AddField(
            "workflowexecution",
            "idempotency_scope",
            models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            "workflowexecution",
            "request_digest",
            models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AlterField(
            "workflowexecution",
            "idempotency_key",
            models.CharField(blank=True, max_length=200, null=True),
        ),
        migrations.AddConstraint(
            "workflowexecution",
            models.UniqueConstraint(
                fields=["idempotency_scope", "idempotency_key"], name="execution_idempotency"
            ),
        ),
        # The last: PostgreSQL changes no table after its rows in one transaction.
        migrations.RunPython(give_keys_to_users, migrations.RunPython.noop),
    ]
