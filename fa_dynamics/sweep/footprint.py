"""How much room a store takes on a disk, which gives every file and every folder a block or more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import ceil
from operator import mul

from fa_dynamics.sweep.layout import Layout, block_shape
from fa_dynamics.sweep.spec import Spec

DISK_BLOCK = 4096
"""Bytes of the smallest piece of a disk: as most file systems have it."""

PER_RUN = 3
"""Arrays with an entry for every run, beside the observables: status, message, seed."""

OWN = 3
"""Blocks of the store's own folder and description."""


def store_bytes(spec: Spec, layout: Layout) -> int:
    """At most so many, without compression, of a finished store."""
    chunks = [ceil(size / part) for size, part in zip(spec.shape, block_shape(spec, layout), strict=True)]
    blocks = sum(_blocks([*chunks, *(1 for _ in each.dims)]) for each in layout.variables.values())
    blocks += PER_RUN * _blocks(chunks)
    blocks += sum(_blocks([1] * len(table.dims)) for table in layout.tables.values())
    blocks += (len(spec.shape) + len(layout.numbered)) * _blocks([1])
    numbers = sum(table.values.nbytes for table in layout.tables.values())
    numbers += 8 * (sum(spec.shape) + sum(layout.numbered.values()))
    source = len(json.dumps(spec.source[1])) if spec.source else 0  # kept twice, as it is and as what it says
    return spec.runs * layout.run_bytes + numbers + 2 * source + DISK_BLOCK * (blocks + OWN)


def _blocks(chunks: Sequence[int]) -> int:
    """Files and folders of an array with so many chunks along each dimension."""
    nested: Iterable[int] = accumulate(chunks, mul)  # a folder for every beginning of a chunk's number, and the chunks
    return 3 + sum(nested)  # its folder and that of its chunks, its description
