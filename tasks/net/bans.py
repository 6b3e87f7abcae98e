"""
What a venue told us to wait for, kept in a file, so that a restart and the next process heed it too.

What has passed of a ban is counted by the monotonic clock of this boot of the machine, which no step of the
wall clock moves; after a reboot by the wall clock. Whatever the clocks say, a ban is never taken to last
longer from now than it was to last when it was met.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from leadline.storage.files.whole import write_whole
from leadline.tasks.net.clock import Clock

log = logging.getLogger("leadline.feed")

LEAST_S = 1.0  # what is shorter is not worth a file
BOOT = Path("/proc/sys/kernel/random/boot_id")  # where the system has one


@dataclass(frozen=True, slots=True)
class Ban:
    """One refusal to serve us for a while."""

    seconds: float  # as it was told
    met_wall_ns: int
    met_mono_ns: int
    boot: str  # of the monotonic clock; empty where the system names none
    is_ban: bool  # 418; else we were told to wait a while

    def left_s(self, wall_ns: int, mono_ns: int, boot: str) -> float:
        """Return the seconds that are left of it; 0 when it is over."""
        same_boot = bool(boot) and boot == self.boot and mono_ns >= self.met_mono_ns
        passed_ns = mono_ns - self.met_mono_ns if same_boot else wall_ns - self.met_wall_ns
        return max(0.0, self.seconds - max(0, passed_ns) / 1e9)


class Bans:
    """Those in one file; ``who`` is what was banned from where, such as a venue and its address."""

    def __init__(self, file: Path | None, clock: Clock, *, boot: str | None = None) -> None:
        """``file`` None: nothing is kept, and nothing is known."""
        self._file = file
        self._clock = clock
        self._boot = _boot_id() if boot is None else boot

    def left(self, who: str) -> tuple[float, bool]:
        """Return for how many seconds nothing may be asked, and whether that is a ban."""
        ban = self._read().get(who)
        now_ns = self._clock.wall_ns(), self._clock.mono_ns()
        return (0.0, False) if ban is None else (ban.left_s(*now_ns, self._boot), ban.is_ban)

    def note(self, who: str, seconds: float, *, is_ban: bool) -> None:
        """Remember that nothing may be asked for so many seconds, unless a longer time is known."""
        if self._file is None or seconds < LEAST_S or self.left(who)[0] >= seconds:
            return
        now_ns = self._clock.wall_ns(), self._clock.mono_ns()
        known = {name: ban for name, ban in self._read().items() if ban.left_s(*now_ns, self._boot) > 0}
        known[who] = Ban(seconds, *now_ns, self._boot, is_ban)
        text = json.dumps({name: asdict(ban) for name, ban in known.items()}, indent=1)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, text)
        except OSError as exc:
            log.warning("%s: %s; the ban of %s is not remembered", self._file, exc, who)

    def _read(self) -> dict[str, Ban]:
        """Return what is known; a file that cannot be read says nothing."""
        if self._file is None:
            return {}
        with suppress(OSError, ValueError, TypeError, AttributeError):
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            return {str(who): Ban(**ban) for who, ban in kept.items() if _is_sound(ban)}
        return {}


def _is_sound(ban: object) -> bool:
    return isinstance(ban, dict) and all(
        isinstance(ban.get(name), int | float) for name in ("seconds", "met_wall_ns", "met_mono_ns")
    )


def _boot_id() -> str:
    with suppress(OSError):
        return BOOT.read_text(encoding="ascii").strip()
    return ""
