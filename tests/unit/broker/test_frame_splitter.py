"""The frame splitter finds the same frames however the bytes are cut."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.embedded_broker.errors import FrameError
from orchestrator.embedded_broker.frames import (
    FrameSplitter,
    escape,
    frame_bytes,
    header_lines,
    parse_frame,
    unescape,
)

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(characters, max_size=20)
headers = st.dictionaries(st.text(characters, min_size=1, max_size=20), texts, max_size=5).map(
    lambda found: {key: value for key, value in found.items() if key != "content-length"}
)
eols = st.sampled_from([b"", b"\n", b"\r\n", b"\n\n\n"])


@st.composite
def frames(draw):
    """A frame as bytes, and what is to be found in it."""
    found = draw(headers)
    if draw(st.booleans()):
        body = draw(st.binary(max_size=60))
        found = {**found, "content-length": str(len(body))}
    else:
        body = draw(st.binary(max_size=60)).replace(b"\0", b"")
    return frame_bytes("SEND", found, body), (found, body)


def split(pieces, *, max_frame=10_000, version="1.2"):
    splitter = FrameSplitter(max_frame)
    splitter.version = version
    return [frame for piece in pieces for frame in splitter.feed(piece)]


@given(st.lists(st.tuples(frames(), eols), max_size=5), st.data())
def test_any_cut_gives_the_same_frames(made, data):
    whole = b"".join(frame + eol for (frame, _), eol in made)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    edges = [0, *cuts, len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(edges)]
    found = split(pieces)
    assert [(frame.headers, frame.body) for frame in found] == [
        expected for (_, expected), _ in made
    ]
    assert all(frame.command == "SEND" for frame in found)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_give_frames_or_a_frame_error(pieces):
    with contextlib.suppress(FrameError):
        split(pieces, max_frame=100)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_bytes_that_look_like_a_frame_give_frames_or_a_frame_error(head, body):
    with contextlib.suppress(FrameError):
        split([b"SEND\n" + head + b"\n\n" + body + b"\0"])


@given(texts)
def test_escaping_is_undone(text):
    escaped = escape(text)
    assert not set("\n\r:") & set(escaped)
    assert unescape(escaped, "1.2") == text


@given(headers)
def test_header_lines_are_read_again(found):
    head = b"MESSAGE\n" + header_lines(found)
    assert parse_frame(head[:-1], b"", "1.2").headers == found


class TestEscapes:
    def test_1_1_knows_no_carriage_return(self):
        assert unescape(r"a\r", "1.2") == "a\r"
        with pytest.raises(FrameError, match=r"not an escape of STOMP 1\.1"):
            unescape(r"a\r", "1.1")

    @pytest.mark.parametrize("text", ["\\t", "\\", "a\\", "\\C", "\\\n"])
    def test_others_are_fatal(self, text):
        with pytest.raises(FrameError):
            unescape(text, "1.2")

    def test_connect_has_none(self):
        frame = parse_frame(rb"CONNECT" + b"\n" + rb"passcode:a\b\c", b"", "")
        assert frame.headers == {"passcode": r"a\b\c"}

    def test_stomp_has_those_it_has(self):
        frame = parse_frame(rb"STOMP" + b"\n" + rb"passcode:a\b\c", b"", "")
        assert frame.headers == {"passcode": r"a\b:"}


class TestLimits:
    def test_a_large_body_in_small_pieces_takes_no_quadratic_time(self):
        splitter = FrameSplitter(64 * 1024 * 1024)
        size = 32 * 1024 * 1024
        piece = b"x" * 8192
        assert not list(splitter.feed(b"SEND\ncontent-length:%d\n\n" % size))
        for _ in range(size // len(piece)):
            assert not list(splitter.feed(piece))
        (frame,) = splitter.feed(b"\0")
        assert len(frame.body) == size

    def test_neither_does_one_without_a_length(self):
        splitter = FrameSplitter(64 * 1024 * 1024)
        assert not list(splitter.feed(b"SEND\n\n"))
        for _ in range(4096):
            assert not list(splitter.feed(b"x" * 8192))
        (frame,) = splitter.feed(b"\0")
        assert len(frame.body) == 4096 * 8192

    def test_a_body_without_end_is_refused(self):
        pieces = [b"SEND\n\n", *[b"x" * 1000] * 1000]
        with pytest.raises(FrameError, match="more than 100000 bytes"):
            split(pieces, max_frame=100_000)
