"""What REST tells `testbed doctor`: who asks, and how the database stands."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from monitor.records.models import Counter

pytestmark = pytest.mark.django_db


def test_caller_and_database(reader: APIClient) -> None:
    body = reader.get("/api/installation/").json()
    assert body["caller"]["scope"] == "read"
    assert body["database"]["missing_migrations"] == []
    assert body["database"]["write_error"] == ""
    assert body["database"]["kind"] in ("sqlite", "postgresql")
    assert not Counter.objects.filter(name="doctor").exists()


def test_it_needs_a_token(anonymous: APIClient) -> None:
    assert anonymous.get("/api/installation/").status_code == 401


def test_a_database_that_takes_no_rows_is_told(reader: APIClient) -> None:
    fault = OperationalError("attempt to write a readonly database")
    with patch.object(Counter.objects, "create", side_effect=fault):
        body = reader.get("/api/installation/").json()
    assert body["database"]["write_error"] == str(fault)
