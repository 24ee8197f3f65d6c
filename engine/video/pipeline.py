"""Stages that overlap, as generators: each pulls from the one before it, holds a few items, and keeps their order.

What a stage raises comes out where its result would have; closing the last stage ends its threads.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def until(stop: threading.Event, items: Iterable[Item]) -> Generator[Item, None, None]:
    """The items until it is time to stop."""
    for item in items:
        if stop.is_set():
            return
        yield item


def ahead(items: Iterator[Item], depth: int) -> Generator[Item, None, None]:
    """The same items, made in a thread of their own, at most `depth` before they are asked for."""
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        made = deque(pool.submit(next, items, end) for _ in range(depth))
        try:
            while (item := made.popleft().result()) is not end:
                made.append(pool.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def in_order(
    function: Callable[[Item], Made], items: Iterable[Item], workers: int, depth: int
) -> Generator[Made, None, None]:
    """`function` of each item, in order; `workers` at once, at most `depth` more waiting."""
    with ThreadPoolExecutor(workers, thread_name_prefix="in-order") as pool:
        under_way: deque[Future[Made]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(function, item))
                if len(under_way) >= workers + depth or under_way[0].done():
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
