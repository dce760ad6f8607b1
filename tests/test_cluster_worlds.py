"""Worlds of nodes that append, crash, freeze, lose answers and join, over a store that fails: do all hear the same?

python tests/torture/worlds.py --worlds 100000     for many more of them
"""

from __future__ import annotations

import pytest
from worlds import World


@pytest.mark.parametrize("block", range(8))
def test_in_every_world_all_nodes_hear_the_same_once_and_nobody_is_lost(block: int):
    for seed in range(block * 40, block * 40 + 40):
        World(seed).play()


def test_a_seed_gives_the_same_world_again():
    first, second = World(7), World(7)
    for world in (first, second):
        world.play()
    assert first.model.keys == second.model.keys
    assert list(map(str, first.steps)) == list(map(str, second.steps))
