# SPDX-License-Identifier: GPL-2.0-or-later
"""How a wave's inputs are put together into tasks, for both engines."""

from collections.abc import Sequence

from .inputs import Input

_MOST_INPUTS = 64
_MOST_BYTES = 512 << 20


def deal(wave: Sequence[Input], at_once: int) -> list[list[Input]]:
    """Neighbours in time, so that a task writes few dates; the dearest first. Some eight for each of `at_once`."""
    most = min(_MOST_INPUTS, 1 + len(wave) // (8 * at_once))
    dealt: list[list[Input]] = []
    room = 0
    for one in sorted(wave, key=lambda one: one.modified_ns):
        if not dealt or len(dealt[-1]) == most or one.cost > room:
            dealt.append([])
            room = _MOST_BYTES
        dealt[-1].append(one)
        room -= one.cost
    return sorted(dealt, key=lambda task: -sum(one.cost for one in task))
