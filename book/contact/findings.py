"""What a look at one assumption came to, and the tally that becomes one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

SHOWN = 3  # examples of what was wrong
KINDS, OTHERS = 1_000, "others"  # remembered


class Verdict(StrEnum):
    """Whether an assumption held."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOTED = "noted"  # differs in a way that we bear, or tells something worth knowing
    UNSEEN = "not seen"  # nothing came that could show it


@dataclass(frozen=True, slots=True)
class Finding:
    """One assumption in words, its area, whether it held and on what evidence, and where it is written."""

    area: str
    assumption: str
    verdict: Verdict
    detail: str
    source: str = ""


@dataclass(slots=True)
class Tally:
    """Counts looks at one assumption."""

    area: str
    assumption: str
    source: str = ""
    what: str = "checked"  # what was counted
    held: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)

    def look(self, is_so: bool, wrong: str = "") -> None:
        """Count one look; ``wrong`` says what was met instead."""
        if is_so:
            self.held += 1
        else:
            self.broken[wrong if wrong in self.broken or len(self.broken) < KINDS else OTHERS] += 1

    def finding(self, *, unseen: str = "nothing came that shows it") -> Finding:
        """Return what all looks came to."""
        looks = self.held + sum(self.broken.values())
        if self.broken:
            bad = sum(self.broken.values())
            detail = f"{bad} of {looks}: {_examples(self.broken)}"
            return self._told(Verdict.BROKEN, detail)
        if self.noted:
            return self._told(Verdict.NOTED, _examples(self.noted))
        if not looks:
            return self._told(Verdict.UNSEEN, unseen)
        return self._told(Verdict.HOLDS, f"{looks:,} {self.what}")

    def _told(self, verdict: Verdict, detail: str) -> Finding:
        return Finding(self.area, self.assumption, verdict, detail, self.source)


def _examples(met: Counter[str]) -> str:
    """Return the commonest first, with how often, and how many more kinds there are."""
    shown = [text if n == 1 else f"{text} ({n} times)" for text, n in met.most_common(SHOWN)]
    left = len(met) - len(shown)
    return "; ".join(shown) + (f"; and {left} more" if left > 0 else "")
