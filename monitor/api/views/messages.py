"""Messages, as they were received from the broker."""

from __future__ import annotations

from rest_framework.request import Request

from monitor.api.records import RecordViewSet
from monitor.api.serializers import MessageSerializer
from monitor.records.queries.selections import MESSAGES


class MessageViewSet(RecordViewSet):
    """Messages; those of one execution in the order in which they were sent."""

    selection = MESSAGES
    what = "message"
    serializer_class = MessageSerializer

    def list_parameters(self, request: Request) -> dict[str, str]:
        """Return the parameters; an execution's messages are ordered by sending time."""
        params = super().list_parameters(request)
        if params.get("execution_id") and not params.get("ordering"):
            params["ordering"] = "sent_at"
        return params
