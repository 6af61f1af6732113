"""Sees that one builder runs for a site, however many workers and servers it has.

Every worker tries to take a lock in the state folder; who has it starts the builder and hands
the lock on to it. So the lock is held as long as the builder or its worker lives, and when
both are gone another worker takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import pickle
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from feeds.state import make_state_folder
from server.builder import Orders

logger = logging.getLogger("feeds.keeper")

# Not as a script: what is pickled has to find its class in the module of its name.
ENTRY: Final = "from server.builder import main; main()"
LOCK_NAME: Final = "builder.lock"
TRY_SECONDS: Final = 1.0
# A builder that ends at once is not started at once again.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
STEADY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 2.0


async def keep_builder(orders: Callable[[], Orders], state: Path) -> None:
    """Have a builder run as long as this worker can see to it. Ends when it is cancelled.

    ``orders`` tells what a builder that is started now has to know.
    """
    said = ""
    while True:
        try:
            lock, fault = _take_lock(state), ""
        except OSError as error:
            lock, fault = None, str(error)
        if fault and fault != said:
            logger.error("nothing is built: %s", fault)
        said = fault
        if lock is not None:
            try:
                await _run_builders(orders, state, lock)
            finally:
                os.close(lock)
        await asyncio.sleep(TRY_SECONDS)


def _take_lock(state: Path) -> int | None:
    """The lock as an open file, or ``None`` where somebody else has it."""
    make_state_folder(state)
    lock = os.open(state / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return lock


def _is_current(lock: int, state: Path) -> bool:
    """Whether others who want the lock would find this file: the folder may be deleted."""
    try:
        return os.path.samestat(os.fstat(lock), os.stat(state / LOCK_NAME))
    except OSError:
        return False


async def _run_builders(orders: Callable[[], Orders], state: Path, lock: int) -> None:
    """Run a builder, and another one whenever it ends, as long as the lock is the one."""
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE
    while _is_current(lock, state):
        started = loop.time()
        code = await _run_builder(orders(), state, lock)
        if code is None:
            return
        level = logging.ERROR if code else logging.INFO
        logger.log(level, "the builder ended (%s); another starts in %.0f s", _said(code), pause)
        if loop.time() - started > STEADY_SECONDS:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _run_builder(orders: Orders, state: Path, lock: int) -> int | None:
    """Run one until it ends; ``None`` if the lock is not the one any more."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ENTRY,
        stdin=asyncio.subprocess.PIPE,
        pass_fds=[lock],
        start_new_session=True,  # so that what it starts can be ended with it
    )
    assert process.stdin is not None
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(pickle.dumps(orders))
            await process.stdin.drain()
        while _is_current(lock, state):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TRY_SECONDS):
                    return await process.wait()
        return None
    finally:
        # It ends when its input does; one that is busy is ended.
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _said(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
