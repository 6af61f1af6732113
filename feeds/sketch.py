"""How many different things were seen, without remembering any of them: HyperLogLog.

A sketch is 1,024 bytes. Two of them merge into that of the union; what can be read out of one
is a number, some 3 % off (Flajolet, Fusy, Gandouet, Meunier 2007). Of a thing it keeps a dozen
bits at most, which it has in common with one in a thousand of all things there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from math import log
from typing import Final

BITS: Final = 10
REGISTERS: Final = 1 << BITS
EMPTY: Final = bytes(REGISTERS)
ALPHA: Final = 0.7213 / (1 + 1.079 / REGISTERS)


def sketch(items: Iterable[bytes]) -> bytes:
    """The sketch of some items."""
    registers = bytearray(REGISTERS)
    for item in items:
        number = int.from_bytes(hashlib.blake2b(item, digest_size=8).digest())
        place = number & (REGISTERS - 1)
        # The position of the first 1 among the other 54 bits.
        rank = 64 - BITS - (number >> BITS).bit_length() + 1
        registers[place] = max(registers[place], rank)
    return bytes(registers)


def merged(one: bytes, other: bytes) -> bytes:
    """The sketch of all items of two sketches."""
    return bytes(map(max, one, other))


def estimate(registers: bytes) -> int:
    """About how many different items there were."""
    empty = registers.count(0)
    # While there are few, the empty registers tell more exactly (linear counting).
    if empty > REGISTERS // 20:
        return round(REGISTERS * log(REGISTERS / empty))
    return round(ALPHA * REGISTERS**2 / sum(2.0**-rank for rank in registers))
