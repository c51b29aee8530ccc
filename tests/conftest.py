"""What all tests share."""

from __future__ import annotations

import pytest
from django.db import connections
from hypothesis import HealthCheck, settings

# A busy machine is slow at drawing examples, which says nothing about the code.
settings.register_profile(
    "testbed", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)
settings.load_profile("testbed")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Test on a file, as the monitor works on one; Django would take a database in memory."""
    file = tmp_path_factory.mktemp("database") / "monitor.sqlite3"
    connections["default"].settings_dict["TEST"]["NAME"] = str(file)
