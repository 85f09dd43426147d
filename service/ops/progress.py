"""Shows what a long command is doing: bars on a terminal, plain lines elsewhere."""

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator
from typing import TextIO

_TERMINAL_SECONDS = 0.1
_PLAIN_SECONDS = 5.0


class Step:
    """One long step; `advance` and `reach` tell how far it is."""

    def __init__(self, progress: "Progress", text: str, total: int | None) -> None:
        self.text = text
        self.total = total
        self.done = 0
        self._progress = progress
        self._began = time.monotonic()
        self._shown = self._began

    def advance(self, count: int = 1) -> None:
        """`count` more are done."""
        self.reach(self.done + count)

    def reach(self, done: int) -> None:
        """`done` are done in all."""
        self.done = done
        now = time.monotonic()
        if now - self._shown >= (_TERMINAL_SECONDS if self._progress.terminal else _PLAIN_SECONDS):
            self._shown = now
            self._progress.show(self)

    @property
    def seconds(self) -> float:
        """Time since the step began."""
        return time.monotonic() - self._began


class Progress:
    """Writes to `out`, standard error by default, so that results on standard output stay clean."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self.terminal = self._out.isatty()

    def line(self, text: str) -> None:
        """One line that stays."""
        self._write(text + "\n")

    @contextlib.contextmanager
    def step(self, text: str, total: int | None = None) -> Iterator[Step]:
        """A step that takes a while, of `total` pieces where that is known."""
        step = Step(self, text, total)
        if self.terminal:
            self.show(step)
        else:
            self.line(f"{text} …")
        try:
            yield step
        except BaseException:
            if self.terminal:
                self._write("\n")
            raise
        count = f", {step.done:,}" if step.done else ""
        self.line(f"{text}: done in {step.seconds:.1f} s{count}")

    def show(self, step: Step) -> None:
        """Redraws the step's bar, or writes a line of how far it is."""
        if step.total:
            part = min(1.0, step.done / step.total)
            figures = f"{step.done:,} of {step.total:,}"
        else:
            part, figures = 0.0, f"{step.done:,}" if step.done else ""
        if not self.terminal:
            self.line(f"{step.text}: {figures} after {step.seconds:.0f} s")
            return
        width = max(10, min(40, shutil.get_terminal_size().columns - len(step.text) - len(figures) - 8))
        bar = f" [{'█' * round(part * width):{width}}]" if step.total else " …"
        self._write(f"{step.text}{bar} {figures}")

    def _write(self, text: str) -> None:
        self._out.write(f"\r\x1b[K{text}" if self.terminal else text)
        self._out.flush()
