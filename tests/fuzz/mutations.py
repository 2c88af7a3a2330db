"""Damaged files: what every reader has to refuse in one sentence, or read."""

from __future__ import annotations

import random
import resource
import time
from pathlib import Path

from onet_core.errors import OnetError
from onet_core.inputs.load import load_observation

# Numbers that readers trip over: signs, ends of types, what is no number.
_WORDS = (
    b"-1", b"0", b"65536", b"4294967295", b"99999999999999", b"1e400", b"nan", b"-inf", b"", b"\0",
    b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xc3", b"\n", b",", b"1,5",
)  # fmt: skip
MOST_SECONDS, MOST_MEMORY = 5.0, 2**30


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four pieces changed, cut out, repeated or put in."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        # Headers are short and matter most.
        end = min(len(changed), 200) if rng.random() < 0.6 else len(changed)
        place = rng.randrange(end + 1) if end else 0
        match rng.randrange(6):
            case 0 if changed:
                changed[min(place, len(changed) - 1)] = rng.randrange(256)
            case 1:
                changed[place:place] = rng.choice(_WORDS)
            case 2:
                word = rng.choice(_WORDS)
                changed[place : place + max(1, len(word))] = word
            case 3:
                del changed[place : place + rng.choice((1, 2, 4, 16, 200))]
            case 4:
                changed[place:place] = changed[place : place + rng.choice((1, 8, 64))]
            case _:
                del changed[place + rng.choice((0, 100, 1000)) :]
    return bytes(changed)


def check(path: Path, content: bytes) -> str:
    """Reads a file with this content: "read", or the sentence that it was refused with.

    Raises AssertionError for any other error, for several lines, and where it takes too long or too
    much memory.
    """
    path.write_bytes(content)
    start = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    try:
        load_observation(path)
        message = "read"
    except OnetError as error:
        message = str(error)
        assert "\n" not in message, f"{path}: several lines"
    except BaseException as error:
        raise AssertionError(f"{path}: {type(error).__name__}: {error}") from error
    seconds = time.process_time() - start
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert seconds < MOST_SECONDS, f"{path}: {seconds:.1f} s"
    assert taken < MOST_MEMORY, f"{path}: {taken / 2**20:.0f} MB"
    return message
