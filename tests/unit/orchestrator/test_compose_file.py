"""docker-compose.yml is what the Compose specification allows, and its containers know their place.

The specification's schema comes with the package check-jsonschema; nothing is fetched.
"""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from orchestrator.agents import start_agents, stop_agents
from orchestrator.installation import prepare
from swf_common_lib.errors import Conflict
from swf_common_lib.settings import load_settings
from tests.stack import CHECKOUT


@pytest.fixture
def document() -> dict[str, Any]:
    """The file as YAML has it."""
    loaded: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
    return loaded


def schema_file() -> Path:
    """Return the schema's path; without its package the test is skipped, and fails in CI."""
    try:
        package = distribution("check-jsonschema")
    except PackageNotFoundError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("check-jsonschema is not installed: pip install -e '.[test]'")
    return Path(package.locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json"))


def faults(document: dict[str, Any]) -> list[str]:
    """Return the faults that the schema finds."""
    schema = json.loads(schema_file().read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(document)]


def test_the_file_is_as_the_specification_has_it(document: dict[str, Any]) -> None:
    assert faults(document) == []
    document["services"]["web"]["helthcheck"] = {}
    assert "helthcheck" in faults(document)[0]


def test_what_a_service_needs_is_there(document: dict[str, Any]) -> None:
    services = document["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in document["volumes"], name
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], needed


def test_the_image_has_every_package(document: dict[str, Any]) -> None:
    copied = [
        line.split()[1:-1]
        for line in (CHECKOUT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ")
    ]
    names = {name for names in copied for name in names}
    packages = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")} - {"tests"}
    assert packages <= names
    assert all((CHECKOUT / name).exists() for name in names)


def test_a_container_starts_no_agents(document: dict[str, Any], tmp_path: Path) -> None:
    environment = document["services"]["mcp"]["environment"]
    settings = load_settings(tmp_path, {"SWF_SERVICES": environment["SWF_SERVICES"]})
    for attempt in (start_agents, stop_agents):
        with pytest.raises(Conflict, match="containers") as refused:
            attempt(settings)
        assert "On the host of the agents: testbed" in refused.value.hint
    with pytest.raises(Conflict):
        prepare(settings)
