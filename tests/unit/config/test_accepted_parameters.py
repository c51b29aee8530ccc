"""Every parameter that a start accepts is listed once, with the value that it would have."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.run_parameters import run_parameters
from swf_common_lib.config import (
    PARAMETERS,
    Expanded,
    FastProcessing,
    accepted_parameters,
    expand,
    fast_processing,
)
from swf_common_lib.config.accepted import resolved_value
from swf_common_lib.config.parameters import SECTIONS
from swf_common_lib.errors import ConfigurationError

WORKFLOWS = Path(__file__).parents[3] / "workflows"
CONFIGURATIONS = sorted(path.stem for path in WORKFLOWS.glob("*.toml"))


def expanded(config: str | None = None, text: str | None = None, **overrides: Any) -> Expanded:
    return expand(
        config,
        workflow="w" if text is not None else None,
        workflows_dir=WORKFLOWS,
        testbed=None,
        namespace="tests",
        config_text=text,
        overrides=overrides,
    )


def accepts(config: str | None, text: str | None, name: str, value: Any) -> bool:
    try:
        expanded(config, text, **{name: value})
    except ConfigurationError:
        return False
    return True


def other_value(name: str, now: Any) -> Any:
    """A value that the parameter takes and does not have."""
    known = PARAMETERS.get(name.rpartition(".")[2])
    if known is None:
        return f"{now} and more" if isinstance(now, str) else 4711
    values = (known.kind(known.minimum), known.kind(min(known.maximum, known.minimum + 1)))
    return values[0] if values[0] != now else values[1]


def check(config: str | None, text: str | None) -> None:
    """Check the list for one configuration against what overrides really do."""
    plain = expanded(config, text)
    listed = accepted_parameters(plain)
    names = [one.name for one in listed] + [one.older_name for one in listed if one.older_name]
    assert len(names) == len(set(names))
    for one in listed:
        value = other_value(one.name, one.value)
        after = expanded(config, text, **{one.name: value})
        key = one.name.removeprefix(f"{one.section}.")
        assert one.value != value
        if one.known is None:
            assert plain.sections[one.section][key] == one.value
            assert after.sections[one.section][key] == value
        else:
            assert resolved_value(plain.sections, key) == one.value
            assert resolved_value(after.sections, key) == (
                value if after_reads(after, key) else None
            )
        if one.older_name:
            factor = PARAMETERS[one.older_name].factor
            older = expanded(config, text, **{one.older_name: PARAMETERS[key].kind(value / factor)})
            assert resolved_value(older.sections, key) == (
                pytest.approx(value) if after_reads(older, key) else None
            )
    bare = {name.rpartition(".")[2] for name in names}
    misplaced = {one.name.rpartition(".")[2] for one in listed if one.known is None}
    for name, parameter in PARAMETERS.items():
        if accepts(config, text, name, parameter.kind(parameter.minimum)):
            # Where no section reads it, an older name sets what stands under the present one.
            shown = name in bare or parameter.legacy_of in misplaced
            assert shown, f"{name} is accepted and not listed"


def after_reads(after: Expanded, key: str) -> bool:
    """Whether the run does what the parameter is about."""
    fast = {field.name for field in fields(FastProcessing)} - {"stf_interval"}
    return key not in fast or fast_processing(after.sections) is not None


@pytest.mark.parametrize("config", CONFIGURATIONS)
def test_shipped_configurations(config: str) -> None:
    check(config, None)


OWN = '[workflow]\nname = "w"\n'


@pytest.mark.parametrize(
    "text",
    [
        OWN,
        f'{OWN}[magnet]\ncurrent = 3.5\nramp = "slow"\n',
        f"{OWN}[parameters]\nworker_count = 10\nsample_fraction = 0.1\n",
        f"{OWN}[parameters]\nstf_interval_sec = 3\nworker_count = 2\n",
        f"{OWN}[parameters]\n[daq_state_machine]\n",
        f"{OWN}[magnet]\ncurrent = 3\n[cooling]\ncurrent = 4\n",
        f"{OWN}[magnet]\nstf_count = 7\n[daq_state_machine]\nstf_interval = 3\n",
        f"{OWN}[magnet]\nstf_count = 7\n",
        f"{OWN}[daq_state_machine]\nstf_interval = 3\n[stf_processing]\nstf_interval = 5\n",
        f"{OWN}[infrastructure]\nactivemq_streams = 4\n",
        f'{OWN}[magnet]\n"a.b" = 1\n',
        f"{OWN}[fast_processing]\n[infrastructure]\nnode_parallelism = 7\n",
        f"{OWN}[daq_state_machine]\nmagnet_ramp = 3\n",
    ],
)
def test_odd_configurations(text: str) -> None:
    check(None, text)


KEYS = st.sampled_from([*(p.name for p in PARAMETERS.values() if not p.legacy_of), "current"])


@given(
    st.dictionaries(st.sampled_from([*SECTIONS, "magnet"]), st.sets(KEYS, max_size=4), max_size=4)
)
def test_any_configuration(tables: dict[str, set[str]]) -> None:
    lines = [OWN]
    for number, (section, keys) in enumerate(tables.items()):
        lines.append(f"[{section}]")
        for key in sorted(keys):
            known = PARAMETERS.get(key)
            lines.append(f"{key} = {known.kind(known.minimum) if known else number}")
    try:
        expanded(None, "\n".join(lines))
    except ConfigurationError:
        return  # a parameter stands where none of its kind may
    check(None, "\n".join(lines))


def test_values_are_those_that_the_agents_read() -> None:
    sections = expanded("fast_processing_default", slice_failure_rate=0.25).sections
    assert resolved_value(sections, "slice_failure_rate") == 0.25
    assert run_parameters(sections).slice_failure_rate == 0.25
    sections = expanded("stf_processing_default").sections
    assert resolved_value(sections, "stf_processing_time") == 10
    assert run_parameters(sections).stf_processing_time == 10
    assert resolved_value({}, "stf_processing_time") is None


def test_one_held_twice_is_listed_with_the_value_that_counts() -> None:
    (one,) = [
        one
        for one in accepted_parameters(expanded("fast_processing_default"))
        if one.name == "physics_period_count"
    ]
    assert (one.value, one.section) == (1, "fast_processing")


def test_a_configuration_without_sections_accepts_nothing() -> None:
    assert accepted_parameters(expanded(None, OWN)) == []


@pytest.mark.parametrize(
    ("text", "override", "name", "expected"),
    [
        (
            f"{OWN}[daq_state_machine]\nstf_interval = 3\n[stf_processing]\nstf_interval = 5\n",
            {"stf_interval_sec": 7.0},
            "stf_interval",
            7.0,
        ),
        (
            f"{OWN}[parameters]\nstf_interval_sec = 3\n[daq_state_machine]\nstf_interval_sec = 5\n",
            {"stf_interval": 7.0},
            "stf_interval",
            7.0,
        ),
    ],
)
def test_an_override_by_the_other_name_counts_in_every_section(
    text: str, override: dict[str, float], name: str, expected: float
) -> None:
    assert resolved_value(expanded(None, text, **override).sections, name) == expected
