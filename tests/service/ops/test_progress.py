"""Progress: bars where a person looks, plain lines elsewhere."""

import io

from service.ops.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_a_step_is_two_plain_lines() -> None:
    out = io.StringIO()
    with Progress(out).step("Loading", 4) as step:
        step.advance(4)
    first, last = out.getvalue().splitlines()
    assert first == "Loading …"
    assert last.startswith("Loading: done in 0.0 s, 4")
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_a_bar_is_redrawn_in_place() -> None:
    out = Terminal()
    progress = Progress(out)
    with progress.step("Loading", 4) as step:
        step.done = 2
        progress.show(step)
    assert "[" + "█" * 20 + " " * 20 + "] 2 of 4" in out.getvalue()
    assert out.getvalue().count("\n") == 1
