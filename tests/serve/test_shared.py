"""One computation for all who ask."""

from __future__ import annotations

import asyncio
import threading

import pytest

from argus_pipeline.serve.shared import Shared


def test_readers_at_the_same_time_cost_one_computation() -> None:
    made = []

    async def read() -> list[int]:
        shared = Shared()
        begun = threading.Event()

        def make() -> tuple[int, str]:
            made.append(1)
            begun.wait(5)
            return 7, "tag"

        readers = [asyncio.create_task(shared.get("key", make)) for _ in range(100)]
        await asyncio.sleep(0.05)
        begun.set()
        return [kept.value for kept in await asyncio.gather(*readers)]

    assert asyncio.run(read()) == [7] * 100
    assert len(made) == 1


def test_an_old_result_is_kept_while_its_source_is_the_same_and_made_anew_when_it_changed() -> None:
    async def read() -> list[str]:
        shared = Shared(fresh_s=0.0)
        source = ["a"]

        async def get() -> str:
            kept = await shared.get(
                "key", lambda: (f"of {source[0]}", source[0]), etag=lambda: source[0]
            )
            return f"{kept.value}, made {shared.made}"

        first, again = await get(), await get()
        source[0] = "b"
        return [first, again, await get()]

    assert asyncio.run(read()) == ["of a, made 1", "of a, made 1", "of b, made 2"]


def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    async def read() -> tuple[list[object], int]:
        shared = Shared()
        fail = [True]

        def make() -> tuple[int, str]:
            if fail[0]:
                raise ValueError("away")
            return 1, ""

        readers = [asyncio.create_task(shared.get("key", make)) for _ in range(3)]
        errors = await asyncio.gather(*readers, return_exceptions=True)
        fail[0] = False
        return list(errors), (await shared.get("key", make)).value

    errors, value = asyncio.run(read())

    assert [type(error) for error in errors] == [ValueError] * 3
    assert value == 1


def test_a_reader_who_leaves_does_not_end_the_work_of_the_others() -> None:
    async def read() -> int:
        shared = Shared()
        go = threading.Event()

        def make() -> tuple[int, str]:
            go.wait(5)
            return 5, ""

        leaves = asyncio.create_task(shared.get("key", make))
        stays = asyncio.create_task(shared.get("key", make))
        await asyncio.sleep(0.02)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        go.set()
        return (await stays).value

    assert asyncio.run(read()) == 5


def test_an_old_result_is_handed_out_while_a_new_one_is_made() -> None:
    made = []

    async def read() -> list[int]:
        shared = Shared(fresh_s=0.0)
        going_on = threading.Event()

        def make() -> tuple[int, str]:
            if made:
                going_on.wait(5)
            made.append(1)
            return len(made), ""

        found = [(await shared.get("key", make, stale_s=60)).value for _ in range(3)]
        going_on.set()
        while len(made) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        found.append((await shared.get("key", make, stale_s=60)).value)
        shared.close()
        return found

    assert asyncio.run(read()) == [1, 1, 1, 2]
