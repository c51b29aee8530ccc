"""What the tests of several areas share: a checkout, and a broker that is there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker_process import ROOT, BrokerProcess, start_broker


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A checkout with the shipped workflows and a ``testbed.toml``."""
    workflows, without = tmp_path / "workflows", shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflows", workflows, ignore=without)
    (tmp_path / "testbed.toml").write_text(
        '[testbed]\nnamespace = "torre1"\n'
        '[workflow]\nname = "stf_datataking"\nconfig = "fast_processing_default"\n'
    )
    return tmp_path


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A running broker."""
    started = start_broker(tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()
