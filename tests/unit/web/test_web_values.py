"""How pages write values."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.flatten import flatten, json_text
from monitor.web.source_links import commit_url, source_url
from monitor.web.templatetags.web import badge, duration, figure, first_line, gist, run_link, when

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (12.34, "12.3 s"),
        (59.97, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7440, "2 h 04 min"),
        (90000, "1 d 01 h"),
        (-5, "-5 s"),
        (float("inf"), "inf"),
        (None, ""),
        ("text", ""),
        (True, ""),
    ],
)
def test_durations(seconds: object, written: str) -> None:
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (1234567, "1\u202f234\u202f567"),
        (7.5, "7.5"),
        (0.123456, "0.1235"),
        (float("nan"), "nan"),
        (None, ""),
        ("x", "x"),
    ],
)
def test_figures(value: object, written: str) -> None:
    assert figure(value) == written


def test_a_moment_is_written_in_utc_with_its_zone() -> None:
    moment = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
    assert when(moment) == (
        '<time datetime="2026-05-01T12:00:00.123456Z">2026-05-01 12:00:00 UTC</time>'
    )
    assert "12:00:00.123 UTC" in when(moment, True)
    assert when(None) == when("") == ""


def test_a_badge_says_its_state_in_words_and_escapes_them() -> None:
    assert badge("running") == '<span class="badge tone-busy">running</span>'
    assert "<b>" not in badge("<b>")


def test_only_numbers_of_runs_are_links() -> None:
    assert '/runs/100001/"' in run_link("100001")
    assert run_link("<b>") == "<b>"
    assert run_link(None) == ""
    assert "href" not in run_link("\u0663")


@given(json_values)
def test_every_value_can_be_written(value: object) -> None:
    gist(value)
    json_text(value)
    for key, leaf in flatten(value):
        assert isinstance(key, str)
        assert not leaf or not isinstance(leaf, list | dict)


def test_flattening_names_the_way_to_every_leaf() -> None:
    value = {"a": {"b": [1, {"c": None}]}, "d": [], "e": {}}
    assert flatten(value) == [("a.b.0", 1), ("a.b.1.c", None), ("d", []), ("e", {})]
    assert flatten("x") == [("", "x")]
    assert len(flatten(list(range(50)), limit=10)) == 10


def test_nesting_deeper_than_python_recurses_is_written() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    assert "Nested too deeply" in json_text(value)


def test_long_json_is_cut() -> None:
    assert json_text("x" * 100, limit=50).endswith("the REST interface gives all.")


def test_the_gist_leaves_the_envelope_out() -> None:
    body = {"msg_type": "stf_gen", "sender": "a", "filename": "swf.1", "slices": [1, 2], "x": {}}
    assert gist(body) == "filename swf.1 · 2 slices"


def test_first_line_is_short() -> None:
    assert first_line("a\nb") == "a"
    assert len(first_line("x" * 1000)) == 160


def test_source_links_need_organisation_repository_and_path() -> None:
    source = {"org": "o", "repo": "r", "path": "a b/c.py", "branch": "feature/x"}
    assert source_url(source) == "https://github.com/o/r/blob/feature/x/a%20b/c.py"
    assert source_url(source, "abc") == "https://github.com/o/r/blob/abc/a%20b/c.py"
    assert source_url({**source, "org": "o/../p"}) == ""
    assert source_url({}) == ""
    assert commit_url(source, "abc") == "https://github.com/o/r/commit/abc"
    assert commit_url(source, "") == ""
