"""Selectors mean what SQL means by them; SQLite is asked."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.embedded_broker.selector import SelectorError, compile_selector

NAMES = ["namespace", "run_id", "msg_type"]
VALUES = ["x", "y", "100001", "it's", "", "a%b", "_"]

names = st.sampled_from(NAMES)
literals = st.sampled_from(VALUES).map(lambda value: "'" + value.replace("'", "''") + "'")
operands = names | literals
negation = st.sampled_from(["", "NOT "])
comparisons = st.builds(
    "{} {} {}".format, operands, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), operands
)
memberships = st.builds(
    lambda name, no, values: f"{name} {no}IN ({', '.join(values)})",
    names,
    negation,
    st.lists(literals, min_size=1, max_size=3),
)
nulls = st.builds("{} IS {}NULL".format, names, negation)
likes = st.builds("{} {}LIKE {}".format, names, negation, literals)
betweens = st.builds("{} {}BETWEEN {} AND {}".format, names, negation, literals, literals)
selectors = st.recursive(
    comparisons | memberships | nulls | likes | betweens,
    lambda inner: (
        st.builds("({}) AND ({})".format, inner, inner)
        | st.builds("({}) OR ({})".format, inner, inner)
        | st.builds("{} AND {} OR {}".format, comparisons, nulls, memberships)
        | st.builds("NOT ({})".format, inner)
    ),
    max_leaves=6,
)
messages = st.dictionaries(names, st.sampled_from(VALUES))

sqlite = sqlite3.connect(":memory:", check_same_thread=False)
sqlite.execute("PRAGMA case_sensitive_like = ON")


@pytest.fixture(scope="module", autouse=True)
def _close():
    yield
    sqlite.close()


@given(selectors, messages)
def test_choose_what_sql_would_choose(selector, headers):
    columns = ", ".join(f"? AS {name}" for name in NAMES)
    row = [headers.get(name) for name in NAMES]
    (count,) = sqlite.execute(
        f"SELECT COUNT(*) FROM (SELECT {columns}) WHERE {selector}", row
    ).fetchone()
    assert compile_selector(selector)(headers) is bool(count)


@given(st.text(alphabet="abn'() =<>,ANDORTINSLKEBW1.5-+\n%", max_size=30))
def test_any_text_is_a_selector_or_a_selector_error(text):
    with contextlib.suppress(SelectorError):
        assert compile_selector(text)({"a": "b", "b": "1"}) in (True, False)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("run = 100001", True),
        ("run > 100000 AND run < 1.0e6", True),
        ("run BETWEEN 1 AND 5", False),
        ("run IN (1, 100001)", True),
        ("name > 5", False),
        ("name <> 5", False),
        ("5 < run", True),
        ("priority = -1", False),
        ("flag = TRUE", True),
        ("flag <> FALSE", True),
        ("TRUE", True),
        ("FALSE OR name='x'", True),
        ("JMSType = 'kind'", True),
        ("name like 'x' and not name in ('y')", True),
        ("pattern LIKE 'a!%b' ESCAPE '!'", True),
        ("pattern LIKE 'a!%c' ESCAPE '!'", False),
        ("missing = 'x' OR NOT missing = 'x'", False),
    ],
)
def test_numbers_truth_values_and_jms_names(selector, matches):
    headers = {
        "run": "100001",
        "name": "x",
        "flag": "true",
        "type": "kind",
        "priority": "4",
        "pattern": "a%b",
    }
    assert compile_selector(selector)(headers) is matches


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("", "expected a header's name or a value at character 1, found the end"),
        ("namespace", "expected a comparison"),
        ("namespace = ", "expected a header's name or a value"),
        ("namespace = 'x", "not understood at character 13"),
        ("namespace == 'x'", "found '='"),
        ("namespace = 'x' run_id = '1'", "expected AND, OR or the end at character 17"),
        ("(namespace = 'x'", "expected )"),
        ("namespace IN ()", "found ')'"),
        ("namespace IN (other)", "found 'other'"),
        ("a + 1 = 2", "not understood at character 3, found '+'"),
        ("NOT " * 60 + "a = 'b'", "nested more than 50 deep"),
        ("a LIKE 'x' ESCAPE 'ab'", "ESCAPE takes one character"),
        ("a BETWEEN 1 OR 2", "expected AND"),
        ("msg-type = 1x", "not understood"),
    ],
)
def test_what_is_not_understood_is_said_where(selector, said):
    with pytest.raises(SelectorError) as raised:
        compile_selector(selector)
    assert said in str(raised.value)
