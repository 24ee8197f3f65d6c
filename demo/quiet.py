"""Silence while something is timed: live pictures stand still until it is done, so that nothing measures them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Quiet:
    """Lets either those who measure or those who work go on, the former first. Shared by threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._measuring = 0
        self._working = 0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Waits until nobody works; nobody begins to until this ends."""
        with self._changed:
            self._measuring += 1
            self._changed.wait_for(lambda: not self._working)
        try:
            yield
        finally:
            with self._changed:
                self._measuring -= 1
                self._changed.notify_all()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Waits until nobody measures. For work of milliseconds: who measures waits for its end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._measuring)
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()
