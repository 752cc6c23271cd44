"""Where the choices come from that make an example: a seeded generator, or Hypothesis that makes it shorter.

All that is drawn is made of whole numbers from 0 to below some bound, 0 being the simplest. So an example is
replayed from its numbers, and as long as nothing fails nobody has to pay for an engine that could shrink it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Unfit(Exception):
    """What was drawn so far makes no example: draw another."""


class Draw:
    """Draw from ``below``, which returns a number from 0 to below its argument; ``chosen`` keeps them."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self.chosen: list[int] = []
        self._below = below

    def below(self, bound: int) -> int:
        """Return a drawn number from 0 to below ``bound``."""
        if bound <= 1:
            return 0
        number = self._below(bound)
        self.chosen.append(number)
        return number

    def integer(self, least: int, most: int) -> int:
        """Return a drawn number from ``least``, the simplest, to ``most``."""
        return least + self.below(most - least + 1)

    def flag(self) -> bool:
        """Return whether something is so; that it is not is the simplest."""
        return self.below(2) == 1

    def choice(self, options: Sequence[T]) -> T:
        """Return one of several; the first is the simplest."""
        return options[self.below(len(options))]

    def octets(self, length: int) -> bytes:
        """Return so many drawn octets."""
        return self.below(1 << 8 * length).to_bytes(length, "big")

    def up_to(self, most: int, one: Callable[[], T]) -> list[T]:
        """Return as many as ``most`` of what ``one`` draws; none is the simplest."""
        return [one() for _ in range(self.below(most + 1))]


def simplest(_bound: int) -> int:
    """Return the simplest choice, wherever there is one."""
    return 0


def at_random(seed: int | str) -> Callable[[int], int]:
    """Return a source of choices that is the same for the same seed, with every version of Python."""
    return random.Random(seed).randrange  # noqa: S311 - it has to be the same again
