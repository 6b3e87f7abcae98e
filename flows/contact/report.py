"""A contact as a report: Markdown for a person, JSON for a program, neither with traces of who made it."""

from __future__ import annotations

import datetime as dt
import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leadline.book.contact.findings import Finding, Verdict
from leadline.flows.contact.traces import Traces
from leadline.flows.render.markdown import bold, plain, row
from leadline.flows.render.visible import json_text
from leadline.storage.files.whole import write_whole
from leadline.tasks.contact.run import Contact

FORMAT = 1
ORDER = (Verdict.BROKEN, Verdict.NOTED, Verdict.UNSEEN, Verdict.HOLDS)
TITLES = {
    Verdict.BROKEN: "Broken",
    Verdict.NOTED: "Differs, and is borne",
    Verdict.UNSEEN: "Not seen",
    Verdict.HOLDS: "Holds",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found at ``venue``; every text of it is fit to be sent."""

    venue: str
    began: dt.datetime
    seconds: float
    symbols: tuple[str, ...]
    version: str  # of Leadline
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, contact: Contact, venue: str, began: dt.datetime, version: str, traces: Traces) -> Report:
        """Make the report of a contact."""
        clean = tuple(
            Finding(
                one.area,
                traces.without(one.assumption),
                one.verdict,
                traces.without(one.detail),
                one.source,
            )
            for one in contact.findings
        )
        return cls(venue, began, round(contact.seconds, 1), contact.symbols, version, clean)

    @property
    def counts(self) -> Counter[Verdict]:
        """How many assumptions came to what."""
        return Counter(finding.verdict for finding in self.findings)

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        counts, whole = self.counts, len(self.findings)
        others = f"{counts[Verdict.NOTED]} differ and are borne, {counts[Verdict.UNSEEN]} were not seen"
        if counts[Verdict.BROKEN]:
            return f"{counts[Verdict.BROKEN]} of {whole} assumptions are broken; {others}"
        return f"no assumption is broken: {counts[Verdict.HOLDS]} of {whole} hold; {others}"

    @property
    def stem(self) -> str:
        """The name of its files, without the ending."""
        return f"contact-{self.venue}-{self.began:%Y%m%dT%H%M%SZ}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "report": "leadline first contact",
            "format": FORMAT,
            "venue": self.venue,
            "began": self.began.isoformat(),
            "seconds": self.seconds,
            "symbols": list(self.symbols),
            "leadline": self.version,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "verdict": "broken" if self.counts[Verdict.BROKEN] else "holds",
            "headline": self.headline,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def as_markdown(self) -> str:
        """Return a page for a person."""
        return "\n".join(self._lines()) + "\n"

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both files; return their paths."""
        page, data = folder / f"{self.stem}.md", folder / f"{self.stem}.json"
        write_whole(page, self.as_markdown())
        write_whole(data, json_text(self.as_json(), indent=2) + "\n")
        return page, data

    def _lines(self) -> Iterator[str]:
        told = self.as_json()
        yield f"# First contact: {plain(self.venue)}"
        yield ""
        yield bold(f"{self.headline[0].upper()}{self.headline[1:]}.")
        yield ""
        yield "| | |"
        yield "|---|---|"
        yield f"| began | {self.began:%Y-%m-%d %H:%M:%S} UTC |"
        yield f"| streams open | {self.seconds:g} s |"
        yield row(("symbols", ", ".join(self.symbols)))
        yield row(("Leadline", f"{self.version}, Python {told['python']}, {told['system']}"))
        yield ""
        yield "This page names no person, no machine and no path. Its only addresses are the venue's own."
        for verdict in ORDER:
            found = [finding for finding in self.findings if finding.verdict is verdict]
            if found:
                yield from (
                    "",
                    f"## {TITLES[verdict]}",
                    "",
                    "| area | assumption | found | by |",
                    "|---|---|---|---|",
                )
                yield from (row((one.area, one.assumption, one.detail, one.source)) for one in found)
