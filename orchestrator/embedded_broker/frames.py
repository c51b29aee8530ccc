"""STOMP frames on the wire: where they end, what their headers are, how they are written.

``stomp.utils.parse_frame`` is not used: it takes four times as long, passes over header lines
without a colon and over escapes that STOMP calls fatal, and cannot find a frame's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from orchestrator.embedded_broker.errors import FrameError

_MESSAGES = ("SEND", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT")
COMMANDS = frozenset((*_MESSAGES, "CONNECT", "STOMP", "SUBSCRIBE", "UNSUBSCRIBE", "DISCONNECT"))
"""What a client may send."""

MAX_HEAD = 64 * 1024
"""Most bytes that command and headers of one frame may have."""

_SPECIAL = re.compile(r"[\\\r\n:]")
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_TO_WIRE = {"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"}
_FROM_WIRE = {"\\": "\\", "n": "\n", "c": ":", "r": "\r"}
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([^\r\n]*)")


class Frame(NamedTuple):
    """One frame that a client sent; header values are as on the wire before escaping."""

    command: str
    headers: dict[str, str]
    body: bytes


class FrameSplitter:
    """Finds the frames in the bytes of one connection, in whatever pieces they arrive.

    ``max_frame`` is the most bytes that a frame may have.
    """

    def __init__(self, max_frame: int) -> None:
        self._max_frame = max_frame
        self._pieces: list[bytes] = []
        self._held = 0
        self._needed = 0  # bytes that the frame under way has; 0: known when its NUL comes
        self.version = ""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that ``data`` completes; raises FrameError for what is no frame."""
        if self._pieces:
            self._pieces.append(data)
            self._held += len(data)
            if self._held < self._needed or (not self._needed and not self._worth_a_look(data)):
                return
            data = b"".join(self._pieces)
            self._pieces, self._held, self._needed = [], 0, 0
        yield from self._frames(data)

    def _worth_a_look(self, data: bytes) -> bool:
        # While even the head is incomplete, it may be the piece that brings a content-length.
        if self._held > self._max_frame:
            raise FrameError(f"a frame has more than {self._max_frame} bytes")
        return b"\0" in data or self._held < MAX_HEAD + len(data)

    def _frames(self, data: bytes) -> Iterator[Frame]:
        position, size = 0, len(data)
        while True:
            while position < size and data[position] in b"\r\n":
                position += 1
            if position == size:
                return
            head_end, body_start = _head_end(data, position)
            if body_start < 0:
                self._hold(data[position:], 0)
                return
            head = data[position:head_end]
            length = self._content_length(head)
            end = data.find(b"\0", body_start) if length is None else body_start + length
            if b"\0" in head:
                raise FrameError(f"no empty line ends the headers: {_shown(head)}")
            if end < 0 or end >= size:
                _check_command(head)  # another protocol is refused at once
                self._hold(data[position:], 0 if length is None else end - position + 1)
                return
            if data[end]:
                raise FrameError("the body is longer than its content-length: no NUL follows it")
            if end - position > self._max_frame:
                raise FrameError(f"a frame has more than {self._max_frame} bytes")
            yield parse_frame(head, data[body_start:end], self.version)
            position = end + 1

    def _content_length(self, head: bytes) -> int | None:
        if b"content-length" not in head:
            return None
        match = _LENGTH.search(head)
        if match is None:
            return None
        text = match[1].strip()
        if not text.isdigit() or len(text) > 18:
            raise FrameError(f"content-length is not a number of bytes: {_shown(text)}")
        if int(text) + len(head) > self._max_frame:
            raise FrameError(f"a frame has more than {self._max_frame} bytes")
        return int(text)

    def _hold(self, rest: bytes, needed: int) -> None:
        self._pieces, self._held, self._needed = [rest], len(rest), needed


def _check_command(head: bytes) -> None:
    command = head.split(b"\n", 1)[0].rstrip(b"\r").decode(errors="replace")
    if command not in COMMANDS:
        raise FrameError(f"not a STOMP command: {command[:60]!r}")


def _head_end(data: bytes, start: int) -> tuple[int, int]:
    """Return where the head at ``start`` ends and its body starts; (-1, -1): not yet known."""
    end = data.find(b"\n\n", start, start + MAX_HEAD)
    with_return = data.find(b"\n\r\n", start, end if end >= 0 else start + MAX_HEAD)
    if with_return >= 0:
        return with_return, with_return + 3
    if end >= 0:
        return end, end + 2
    if len(data) - start >= MAX_HEAD:
        raise FrameError(f"command and headers have more than {MAX_HEAD} bytes")
    if data.find(b"\0", start) >= 0:
        raise FrameError(f"no empty line ends the headers: {_shown(data[start:])}")
    return -1, -1


def parse_frame(head: bytes, body: bytes, version: str) -> Frame:
    """Parse command and header lines by the rules of ``version``; raises FrameError."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        raise FrameError(f"the headers are not UTF-8: {_shown(head)}") from error
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    command, *lines = text.split("\n")
    headers: dict[str, str] = {}
    for line in reversed(lines):  # of a header that is repeated, the first counts
        key, colon, value = line.partition(":")
        if not colon or not key:
            raise FrameError(f"not a header line: {_shown(line.encode())}")
        headers[key] = value
    if "\\" in text and command != "CONNECT":
        headers = {unescape(k, version): unescape(v, version) for k, v in headers.items()}
    return Frame(command, headers, body)


def unescape(text: str, version: str) -> str:
    r"""Decode the escapes of a header; raises FrameError for one that ``version`` does not know.

    ``\r`` is 1.2's. Before the version is agreed (a STOMP frame) what is no escape stands as it is.
    """

    def character(match: re.Match[str]) -> str:
        code = match[1]
        if code in _FROM_WIRE and code and not (code == "r" and version == "1.1"):
            return _FROM_WIRE[code]
        if not version:
            return match[0]
        raise FrameError(f"{match[0]!r} is not an escape of STOMP {version}")

    return _ESCAPED.sub(character, text) if "\\" in text else text


def escape(text: str) -> str:
    """Return a header's name or value with its special characters escaped."""
    return _SPECIAL.sub(lambda match: _TO_WIRE[match[0]], text)


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Return headers as lines, escaped."""
    plain = "".join([f"{k}:{v}\n" for k, v in headers.items()])
    count = len(headers)
    if plain.count(":") == count == plain.count("\n") and "\\" not in plain and "\r" not in plain:
        return plain.encode()  # nearly always: nothing needs an escape
    return "".join([f"{escape(k)}:{escape(v)}\n" for k, v in headers.items()]).encode()


def frame_bytes(command: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of a whole frame."""
    return b"%b\n%b\n%b\0" % (command.encode(), header_lines(headers), body)


def _shown(data: bytes) -> str:
    return repr(data[:60].decode(errors="replace"))
