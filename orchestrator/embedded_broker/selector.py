"""Selectors: the conditions on message headers that a subscription may have (a part of SQL-92).

Known are ``= <> < <= > >=``, ``AND OR NOT``, parentheses, ``[NOT] IN (...)``, ``[NOT] BETWEEN``,
``[NOT] LIKE``, ``IS [NOT] NULL``, texts, numbers, TRUE and FALSE. Truth is three-valued as in SQL:
a comparison with a header that a message lacks is unknown, and what is unknown does not match.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn

Headers = Mapping[str, str]
Condition = Callable[[Headers], "bool | None"]
Operand = Callable[[Headers], Any]

MAX_DEPTH = 50
"""How deep parentheses and NOTs may be nested."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^']|'')*')
  | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w$])
  | (?P<name>[A-Za-z_$][\w$.-]*)
  | (?P<sign><>|<=|>=|=|<|>|\(|\)|,)
  )""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KEYWORDS = {"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "BETWEEN", "ESCAPE", "TRUE", "FALSE"}
_JMS_NAMES = {
    "JMSCorrelationID": "correlation-id",
    "JMSPriority": "priority",
    "JMSReplyTo": "reply-to",
    "JMSType": "type",
}


class SelectorError(ValueError):
    """A selector with a syntax error; the text says where."""


@lru_cache(maxsize=256)
def compile_selector(text: str) -> Callable[[Headers], bool]:
    """Return a selector as a predicate on a message's headers; raises SelectorError."""
    parser = _Parser(text)
    condition = parser.whole()
    return lambda headers: condition(headers) is True


class _Parser:
    """Recursive descent over the tokens; each method leaves the next token current."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0
        self.kind = self.token = ""
        self.start = 0
        self._advance()

    def whole(self) -> Condition:
        condition = self._either()
        if self.kind != "end":
            self._fail("expected AND, OR or the end")
        return condition

    def _advance(self) -> None:
        rest = self.text[self.position :]
        self.start = self.position + len(rest) - len(rest.lstrip())
        if not rest.strip():
            self.kind, self.token = "end", ""
            return
        match = _TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            self.token = self.text[self.start]
            self._fail("not understood")
        self.kind, self.token = match.lastgroup, match[match.lastgroup]
        if self.kind == "name" and self.token.upper() in _KEYWORDS:
            self.kind, self.token = "word", self.token.upper()
        self.position = match.end()

    def _fail(self, what: str) -> NoReturn:
        found = f"'{self.token}'" if self.token else "the end"
        raise SelectorError(
            f"selector {self.text!r}: {what} at character {self.start + 1}, found {found}"
        )

    def _take(self, *tokens: str) -> bool:
        if self.kind in ("word", "sign") and self.token in tokens:
            self._advance()
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._take(token):
            self._fail(f"expected {token}")

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take("OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else _any_of(parts)

    def _both(self) -> Condition:
        parts = [self._negated()]
        while self._take("AND"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else _all_of(parts)

    def _negated(self) -> Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(f"nested more than {MAX_DEPTH} deep")
        try:
            if self._take("NOT"):
                return _not(self._negated())
            if self._take("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._predicate()
        finally:
            self.depth -= 1

    def _predicate(self) -> Condition:
        if self.kind == "word" and self.token in ("TRUE", "FALSE"):
            value = self._literal()
            if self.kind != "sign" or self.token not in _COMPARISONS:
                return lambda headers: value
            left: Operand = lambda headers: value  # noqa: E731
        else:
            left = self._operand()
        if self.kind == "sign" and self.token in _COMPARISONS:
            compare = _COMPARISONS[self.token]
            self._advance()
            return _comparison(left, compare, self._operand())
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL")
            return lambda headers: (left(headers) is None) is not negated
        negated = self._take("NOT")
        condition = self._membership(left)
        return _not(condition) if negated else condition

    def _membership(self, left: Operand) -> Condition:
        if self._take("IN"):
            self._expect("(")
            values = [self._literal()]
            while self._take(","):
                values.append(self._literal())
            self._expect(")")
            return _any_of([_comparison(left, operator.eq, _constant(v)) for v in values])
        if self._take("BETWEEN"):
            low = self._operand()
            self._expect("AND")
            high = self._operand()
            return _all_of(
                [_comparison(left, operator.ge, low), _comparison(left, operator.le, high)]
            )
        if not self._take("LIKE"):
            self._fail("expected a comparison, IN, BETWEEN, LIKE or IS NULL")
        return _like(left, self._pattern())

    def _operand(self) -> Operand:
        if self.kind == "name":
            name = _JMS_NAMES.get(self.token, self.token)
            self._advance()
            return lambda headers: headers.get(name)
        return _constant(self._literal())

    def _literal(self) -> Any:
        kind, token = self.kind, self.token
        value: Any
        if kind == "text":
            value = token[1:-1].replace("''", "'")
        elif kind == "number":
            value = float(token)
        elif kind == "word" and token in ("TRUE", "FALSE"):
            value = token == "TRUE"  # noqa: S105
        else:
            self._fail("expected a header's name or a value")
        self._advance()
        return value

    def _pattern(self) -> re.Pattern[str]:
        pattern = self._text("a pattern in quotes")
        escape = self._text("an escape character in quotes") if self._take("ESCAPE") else ""
        if len(escape) > 1:
            self._fail("ESCAPE takes one character")
        parts, characters = [], iter(pattern)
        for character in characters:
            if character == escape:
                parts.append(re.escape(next(characters, escape)))
            else:
                parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
        return re.compile("".join(parts), re.DOTALL)

    def _text(self, what: str) -> str:
        if self.kind != "text":
            self._fail(f"expected {what}")
        return str(self._literal())


def _constant(value: Any) -> Operand:
    return lambda headers: value


def _comparison(left: Operand, compare: Callable[[Any, Any], bool], right: Operand) -> Condition:
    def condition(headers: Headers) -> bool | None:
        a, b = left(headers), right(headers)
        if a is None or b is None:
            return None
        if type(a) is not type(b):
            a, b = _alike(a, b)
            if a is None:
                return False
        return compare(a, b)

    return condition


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Return two operands as one type (headers are text); (None, None): not comparable."""
    if isinstance(a, str) and not isinstance(b, str):
        b, a = _alike(b, a)
        return a, b
    if isinstance(a, bool):
        return a, {"true": True, "false": False}.get(str(b).lower(), not a)
    try:
        return a, float(b)
    except ValueError:
        return None, None


def _not(inner: Condition) -> Condition:
    def condition(headers: Headers) -> bool | None:
        value = inner(headers)
        return None if value is None else not value

    return condition


def _all_of(parts: list[Condition]) -> Condition:
    def condition(headers: Headers) -> bool | None:
        result: bool | None = True
        for part in parts:
            value = part(headers)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return condition


def _any_of(parts: list[Condition]) -> Condition:
    def condition(headers: Headers) -> bool | None:
        result: bool | None = False
        for part in parts:
            value = part(headers)
            if value:
                return True
            if value is None:
                result = None
        return result

    return condition


def _like(left: Operand, pattern: re.Pattern[str]) -> Condition:
    def condition(headers: Headers) -> bool | None:
        value = left(headers)
        return None if value is None else pattern.fullmatch(str(value)) is not None

    return condition
