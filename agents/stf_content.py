"""The simulated content of a super time frame, from which its size and checksum follow.

No 2 GB file is written. The content is *defined*: a block of bytes drawn from the file's name,
repeated up to the file's size. Its adler32 is therefore a true checksum of a definite content, and
is found without walking through it.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

NOMINAL_SIZE = 2_000_000_000
"""Bytes of a typical super time frame."""
SIZE_SPREAD = 0.05
"""Sizes differ from the nominal one by at most this fraction."""
BLOCK_SIZE = 4096

_ADLER_MODULUS = 65521


@dataclass(frozen=True)
class StfContent:
    """Size in bytes and adler32 (8 lower-case hex digits) of one super time frame."""

    size_bytes: int
    checksum: str


def stf_content(filename: str) -> StfContent:
    """Return size and checksum of the super time frame of that name: always the same."""
    seed = hashlib.sha256(filename.encode()).digest()
    share = int.from_bytes(seed[:8], "big") / 2**64
    size = round(NOMINAL_SIZE * (1 + SIZE_SPREAD * (2 * share - 1)))
    return StfContent(size, f"{repeated_adler32(content_block(filename), size):08x}")


def content_block(filename: str) -> bytes:
    """Return the block of bytes whose repetition is the file's content."""
    return hashlib.shake_128(filename.encode()).digest(BLOCK_SIZE)


def repeated_adler32(block: bytes, size: int) -> int:
    """Return the adler32 of ``block`` repeated, and cut at the end, to ``size`` bytes."""
    whole, rest = divmod(size, len(block))
    checksum, power, length = 1, zlib.adler32(block), len(block)
    while whole:
        if whole & 1:
            checksum = _joined(checksum, power, length)
        power, length, whole = _joined(power, power, length), length * 2, whole >> 1
    return _joined(checksum, zlib.adler32(block[:rest]), rest)


def _joined(first: int, second: int, second_length: int) -> int:
    """Return the adler32 of two byte strings one after the other, from those of each."""
    first_sum, second_sum = first & 0xFFFF, second & 0xFFFF
    low = (first_sum + second_sum - 1) % _ADLER_MODULUS
    high = ((first >> 16) + (second >> 16) + second_length * (first_sum - 1)) % _ADLER_MODULUS
    return high << 16 | low
