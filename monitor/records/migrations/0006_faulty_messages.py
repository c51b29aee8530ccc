from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0005_who_ended_it"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="workflowmessage",
            index=models.Index(
                fields=["execution_id", "id"],
                name="message_faulty",
                condition=~Q(problem=""),
            ),
        ),
    ]
