from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0003_idempotency_of_each_user"),
    ]

    operations = [
        migrations.AddField(
            model_name="systemagent",
            name="heartbeat_interval",
            field=models.FloatField(default=60.0),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="change_requested_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="change_requested_by",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="end_cause",
            field=models.CharField(
                blank=True,
                choices=[
                    ("finished", "Finished"),
                    ("duration_reached", "Duration Reached"),
                    ("stopped", "Stopped"),
                    ("runner_stopped", "Runner Stopped"),
                    ("workflow_raised", "Workflow Raised"),
                    ("configuration", "Configuration"),
                    ("runner_lost", "Runner Lost"),
                    ("never_claimed", "Never Claimed"),
                    ("reported", "Reported"),
                ],
                default="",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="requested_change",
            field=models.CharField(
                blank=True,
                choices=[("stop", "Stop"), ("pause", "Pause"), ("resume", "Resume")],
                default="",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="simulation_tick",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="workflowexecution",
            name="tick_changed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
