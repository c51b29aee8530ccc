"""One facility, set up by the manual as far as a run on two hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.activemq_process import skip_without_activemq
from tests.postgres_process import require_postgres
from tests.system.production.facility import Facility, new_facility
from tests.system.production.hosts import require_hosts


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    """Two hosts that were set up by the steps of the manual, up to the first run."""
    require_hosts()
    skip_without_activemq()
    require_postgres()
    with new_facility(tmp_path_factory.mktemp("given")) as made:
        made.follow("The monitor's host")
        made.follow("Several hosts")
        yield made
