"""What can be wrong with the texts of a surface: fields, commands, tools, sentences of others."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import combinations
from types import ModuleType
from typing import Any

from supervisor.supervisorctl import DefaultControllerPlugin

from mcp_server.answers import finding_texts as mcp_texts
from mcp_server.toolsets import chosen_tools
from monitor.web import finding_texts as web_texts
from orchestrator.cli import finding_texts as terminal_texts
from orchestrator.cli.main import build_parser
from swf_common_lib.config import PARAMETERS
from swf_common_lib.finding_text import Advice, Sentences, fields_of
from swf_common_lib.findings import Finding, FindingCode, Severity, Subject, SubjectKind
from swf_common_lib.remedies import Remedy
from tests.unit.surfaces.rule_fields import CHECKOUT, fields_by_code, fields_by_remedy

ALIKE = 0.9
"""From this ratio of ``difflib`` on, one sentence is taken from the other."""
SAMPLE = " 7 "
"""What stands for a field in a command: a name, a number."""
ASK = "ask a person"
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{\w+\}")
_QUOTED = re.compile(r"`([^`]*)`")
_CALL = re.compile(r"\b(\w+)\(")
_ARGUMENT = re.compile(r"\b(\w+)=(?!=)")
_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_OTHER_NAMES = frozenset({"run_imminent", "run_id"})
"""A message and its field, which an assistant sends with a tool."""


@dataclass(frozen=True)
class Surface:
    """The texts of one surface, and how to check what they tell people to do."""

    name: str
    sentences: Sentences
    advice: Advice
    more: Callable[[Finding], Mapping[str, str]]
    """Returns the fields that the surface adds to what a finding has."""
    faults_of_text: Callable[[str], Iterator[str]]

    def texts(self) -> Iterator[tuple[FindingCode | Remedy, str]]:
        """Yield each code and remedy with its text."""
        yield from self.sentences.items()
        yield from self.advice.items()


def faults(surface: Surface) -> Iterator[str]:
    """Yield what is wrong with the texts of a surface by themselves."""
    missing = [one for one in FindingCode if not surface.sentences.get(one)]
    missing += [one for one in Remedy if not surface.advice.get(one)]  # type: ignore[misc]
    yield from (f"{one}: no text" for one in missing)
    for key, text in surface.texts():
        yield from (f"{key}: {fault}" for fault in _unknown_fields(surface, key, text))
        yield from (f"{key}: {fault}" for fault in surface.faults_of_text(text))


def copied(surfaces: Sequence[Surface]) -> Iterator[str]:
    """Yield sentences that one surface has from another."""
    for one, other in combinations(surfaces, 2):
        for key, text in one.texts():
            bare = _bare(text)
            for other_key, other_text in other.texts():
                if _alike(bare, _bare(other_text)):
                    yield f"{one.name} {key}, {other.name} {other_key}: {text!r}, {other_text!r}"


def _alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() > ALIKE < matcher.quick_ratio() and matcher.ratio() > ALIKE


def _bare(text: str) -> str:
    """Return a text without its fields and brackets."""
    return " ".join(_FIELD.sub("", text).replace("[", "").replace("]", "").lower().split())


def _unknown_fields(surface: Surface, key: FindingCode | Remedy, text: str) -> Iterator[str]:
    rules: Mapping[Any, frozenset[str]] = (
        fields_by_code() if isinstance(key, FindingCode) else fields_by_remedy()
    )
    if key not in rules:
        return  # no rule makes it yet
    given = rules[key]
    known = given | {"subject"} | set(surface.more(_with_all(given)))
    yield from (f"no rule gives {{{name}}}" for name in sorted(fields_of(text) - known))


def _with_all(fields: frozenset[str]) -> Finding:
    """Return a finding whose target has everything that a rule may give."""
    return Finding(
        FindingCode.EXECUTION_FAILED,
        Severity.ERROR,
        Subject(SubjectKind.EXECUTION, "x"),
        Remedy.READ_LOG,
        target=dict.fromkeys(fields, "7"),
    )


def in_forms(text: str) -> set[str]:
    """Return a text with all that is optional and with nothing of it, and with sample fields."""
    return {_FIELD.sub(SAMPLE, _OPTIONAL.sub(part, text)) for part in (r"\1", "")}


def command_faults(text: str) -> Iterator[str]:
    """Yield the commands in a text that nobody can run."""
    for form in in_forms(text):
        for quoted in _QUOTED.findall(form):
            words = shlex.split(quoted)
            if words[:1] == ["testbed"] and (fault := _unparsed(words[1:])):
                yield f"`{quoted}` is no command: {fault}"
            elif words[:1] == ["supervisorctl"]:
                yield from _supervisorctl_faults(words[1:])
            elif quoted.startswith("--") and not _is_option(words[0]):
                yield f"`{quoted}`: no command has this option"


def _unparsed(words: list[str]) -> str:
    """Return why the real parser refuses a command line; empty: it takes it."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            build_parser().parse_args(words)
    except SystemExit:
        return said.getvalue().strip().rpartition("\n")[2]
    return ""


def _is_option(option: str) -> bool:
    return any(option in line.replace(",", " ").split() for line in _help().splitlines())


@lru_cache(maxsize=1)
def _help() -> str:
    """Return what every sub-command says of its options."""
    commands = next(one for one in build_parser()._actions if isinstance(one.choices, dict))
    return "\n".join(parser.format_help() for parser in commands.choices.values())


def _supervisorctl_faults(words: list[str]) -> Iterator[str]:
    match words:
        case ["-c", file, action, *_]:
            if not (CHECKOUT / file).is_file():
                yield f"supervisorctl: there is no {file}"
            if not hasattr(DefaultControllerPlugin, f"do_{action}"):
                yield f"supervisorctl cannot {action}"
        case _:
            yield "supervisorctl finds its configuration only with -c FILE"


def words_for_people(text: str) -> Iterator[str]:
    """Yield what is wrong for who has a shell, and no tools of MCP."""
    yield from command_faults(text)
    yield from (f"{name} is a tool of MCP" for name in _NAME.findall(text) if name in _tools())


def words_for_assistants(text: str) -> Iterator[str]:
    """Yield what is wrong for who has tools, and no shell."""
    yield from command_faults(text)
    for found in _QUOTED.finditer(text):
        if found[1].startswith(("testbed", "supervisorctl")) and ASK not in text[: found.start()]:
            yield f"`{found[1]}` without {ASK!r}: an assistant has no shell"
    bare = _FIELD.sub("", _QUOTED.sub("", text))
    known = {
        *_tools(),
        *PARAMETERS,
        *_OTHER_NAMES,
        *(a for args in _tools().values() for a in args),
    }
    yield from (f"{name} is no tool" for name in _NAME.findall(bare) if name not in known)
    yield from (f"{name}() is no tool" for name in _CALL.findall(bare) if name not in _tools())
    for found in _ARGUMENT.finditer(bare):
        tools = [name for name in _NAME.findall(bare[: found.start()]) if name in _tools()]
        if not tools or found[1] not in _tools()[tools[-1]]:
            yield f"{tools[-1] if tools else 'no tool'} takes no {found[1]}"


@lru_cache(maxsize=1)
def _tools() -> Mapping[str, frozenset[str]]:
    """Return the arguments of each tool, as an assistant is told of them."""
    return {tool.name: frozenset(tool.parameters["properties"]) for tool in chosen_tools()}


def _surface(
    name: str, module: ModuleType, faults_of_text: Callable[[str], Iterator[str]]
) -> Surface:
    return Surface(name, module.SENTENCES, module.ADVICE, module._more, faults_of_text)


MCP = _surface("MCP", mcp_texts, words_for_assistants)
TERMINAL = _surface("terminal", terminal_texts, words_for_people)
WEB = _surface("web", web_texts, words_for_people)
SURFACES = (MCP, TERMINAL, WEB)
