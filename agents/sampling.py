"""Which time frames of a super time frame fast monitoring looks at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """Contiguous time frames, counted from 0: ``first`` to ``last``, both included."""

    first: int
    count: int

    @property
    def last(self) -> int:
        """The last time frame of the sample."""
        return self.first + self.count - 1


def choose_sample(run_id: str, stf_filename: str, tf_count: int, fraction: float) -> Sample | None:
    """Choose the fraction of an STF's time frames: at least one, at most all of them.

    The same run and file always give the same choice. None when the STF has no time frames or the
    fraction is 0.
    """
    if tf_count < 1 or fraction <= 0:
        return None
    count = min(tf_count, max(1, round(fraction * tf_count)))
    digest = hashlib.sha256(f"{run_id}\x1f{stf_filename}".encode()).digest()
    return Sample(int.from_bytes(digest[:8], "big") % (tf_count - count + 1), count)


def sample_filename(stf_filename: str) -> str:
    """Give the name of the TF sample taken from an STF."""
    return f"{stf_filename.removesuffix('.stf')}_tf_000.tf"
