"""Which of the loops over blocks run: for AVX-512, for AVX2 or in portable C, as the processor can or as told."""

from typing import Final, Literal

Level = Literal["plain", "avx2", "avx512"]

VARIABLE: Final = "FORECOURT_CPU_LEVEL"  # names a lower level than the best, read when the module loads
LEVELS: Final[tuple[Level, ...]]  # what this processor and this build have, the fastest last

def use(level: str) -> None: ...
def in_use() -> Level: ...
