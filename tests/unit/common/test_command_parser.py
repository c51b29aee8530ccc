"""Words on a command line that it does not know."""

from __future__ import annotations

import argparse

import pytest

from swf_common_lib.command_line import CommandParser


def parser() -> CommandParser:
    made = CommandParser(prog="tool")
    made.add_argument("--home")
    run = made.add_subparsers(required=True).add_parser("run")
    run.add_argument("--stf-count", type=int)
    run.add_argument("name", nargs="?")
    return made


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "--stf-cuont", "3"], "unknown option --stf-cuont; did you mean --stf-count?"),
        (["run", "--stf-cuont=3"], "unknown option --stf-cuont; did you mean --stf-count?"),
        (["run", "--zzz"], "unknown option --zzz\n"),
        (["run", "fast", "twice"], "unexpected argument 'twice'"),
        (["--hoem=x", "run"], "unknown option --hoem; did you mean --home?"),
    ],
)
def test_an_unknown_word_is_told(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words)

    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_the_usage_shown_is_that_of_the_sub_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["run", "--stf-cuont", "3"])

    assert capsys.readouterr().err.startswith("usage: tool run")


def test_known_words_are_parsed() -> None:
    options = parser().parse_args(["--home", "x", "run", "fast", "--stf-count", "3"])

    assert options == argparse.Namespace(home="x", name="fast", stf_count=3)
