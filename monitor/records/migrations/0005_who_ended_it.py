from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0004_causes_and_heartbeats"),
    ]

    operations = [
        migrations.AddField(
            model_name="workflowexecution",
            name="ended_by",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
    ]
