"""Silence while something is timed: live pictures stand still until it is done, so that nothing measures them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Quiet:
    """Lets either the one who measures or those who work go on, the former first. Shared by threads.

    Work that somebody waits for (the mask of a photo) is urgent: who measures lets it through between two rounds.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._measuring = 0
        self._working = 0
        self._urgent = 0  # who wait to do urgent work
        self._is_open = False  # for urgent work, between two rounds of who measures

    @contextmanager
    def measuring(self) -> Iterator[Callable[[], None]]:
        """Waits until nobody works; nobody begins to until this ends.

        Yields:
            What to call between two rounds: lets urgent work through, if any waits, and comes back when that is done.
        """
        with self._changed:
            self._measuring += 1
            self._changed.wait_for(lambda: not self._working)
        try:
            yield self._let_through
        finally:
            with self._changed:
                self._measuring -= 1
                self._changed.notify_all()

    def _let_through(self) -> None:
        with self._changed:
            if not self._urgent:
                return
            self._is_open = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._urgent and not self._working)
            self._is_open = False

    @contextmanager
    def working(self, urgent: bool = False) -> Iterator[None]:
        """Waits until nobody measures. For work of milliseconds: who measures waits for its end.

        Args:
            urgent: waits until the end of a round at the most.
        """
        with self._changed:
            self._urgent += urgent
            self._changed.wait_for(lambda: not self._measuring or (urgent and self._is_open))
            self._urgent -= urgent
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()
