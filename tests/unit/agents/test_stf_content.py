"""Size and checksum of simulated super time frames."""

from __future__ import annotations

import re
import zlib

from hypothesis import given
from hypothesis import strategies as st

from agents.stf_content import (
    NOMINAL_SIZE,
    SIZE_SPREAD,
    repeated_adler32,
    stf_content,
)


@given(block=st.binary(min_size=1, max_size=300), size=st.integers(0, 5000))
def test_checksum_is_the_adler32_of_the_repeated_block(block: bytes, size: int) -> None:
    content = (block * (size // len(block) + 1))[:size]
    assert repeated_adler32(block, size) == zlib.adler32(content)


def test_checksum_of_a_large_content_agrees_with_zlib() -> None:
    block = bytes(range(256)) * 16
    assert repeated_adler32(block, 30_000_001) == zlib.adler32((block * 8000)[:30_000_001])


@given(name=st.text(min_size=1, max_size=40))
def test_content_is_always_the_same_for_a_name(name: str) -> None:
    content = stf_content(name)
    assert content == stf_content(name)
    assert re.fullmatch("[0-9a-f]{8}", content.checksum)
    assert abs(content.size_bytes - NOMINAL_SIZE) <= SIZE_SPREAD * NOMINAL_SIZE


def test_different_files_differ() -> None:
    contents = {stf_content(f"swf.100001.{n:06d}.stf") for n in range(200)}
    assert len(contents) == 200
