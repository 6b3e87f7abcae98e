"""What ``leadline up`` shows: its parts, the stream, and each deployment's last and next run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from leadline.flows.local.supervisor import Supervisor
from leadline.flows.local.watcher import age_s
from leadline.flows.render.leg_words import clock_words, leg_line

COLOURS = {"COMPLETED": "green", "RUNNING": "cyan", "FAILED": "red", "CRASHED": "red"}
OUTCASTS = 5  # lines of them
OLD_S = 30.0  # older figures mean that nothing streams


def draw(supervisor: Supervisor) -> RenderableType:
    """Return the current picture."""
    if supervisor.step != "up":
        return Text(f"{supervisor.step} …", style="bold")
    seen = supervisor.seen
    head = Text.assemble(
        ("leadline  ", "bold"), (supervisor.ui_url, "underline"), "   ", *parts(supervisor)
    )
    body: list[RenderableType] = [head, Text(stream_line(seen.stats, seen.stream_pid))]
    body += [Text(leg_line(leg)) for leg in seen.legs]
    body += [Text(each, style="yellow", overflow="ellipsis") for each in outcast_lines(seen.outcasts)]
    if seen.jobs:
        body.append(_jobs(supervisor))
    if seen.trouble:
        body.append(Text(seen.trouble, style="yellow", overflow="ellipsis", no_wrap=True))
    return Group(*body, Text("Ctrl-C stops everything in order", style="dim"))


def line(supervisor: Supervisor) -> str:
    """Return the picture in one line."""
    if supervisor.step != "up":
        return f"{supervisor.step} …"
    seen = supervisor.seen
    done = sum(job.completed for job in seen.jobs)
    failed = sum(job.failed for job in seen.jobs)
    parts_said = " ".join(text for text, _ in parts(supervisor))
    outcasts = "".join(f"; {one['symbol']} {one['state']}" for one in seen.outcasts[:OUTCASTS])
    stream = stream_line(seen.stats, seen.stream_pid)
    return f"{stream}{outcasts}; {done} runs completed, {failed} failed; {parts_said}"


def parts(supervisor: Supervisor) -> list[tuple[str, str]]:
    """Return the parts and their colours: up or not."""
    states = {
        **{child.name: child.is_running for child in supervisor.children},
        "server": supervisor.seen.api_answers,
    }
    return [
        (f"{name}{'' if is_up else ' down'} ", "green" if is_up else "red")
        for name, is_up in states.items()
    ]


def stream_line(stats: dict[str, Any] | None, pid: int | None) -> str:
    """Return the state of the stream in one line."""
    if pid is None:
        return "stream    none at the moment; its schedule starts one"
    if stats is None:
        return f"stream    process {pid}, no figures yet"
    old_s = age_s(stats["ts"]) - stats["bucket_s"]  # since the bucket's end
    if old_s > OLD_S:
        return f"stream    process {pid}, silent for {old_s:.0f} s"
    frames = stats["frames"] / stats["bucket_s"]
    late = f"{_us(stats['to_book_p50_us'])} / {_us(stats['to_book_p99_us'])}"
    return (
        f"stream    {stats['venue']}  {stats['live_symbols']} of {stats['symbols']} books live  "
        f"{frames:,.0f} frames/s  receive to book {late}{_clock(stats)}"
    )


def outcast_lines(outcasts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each symbol that has no book, the newest ones first, and why."""
    lines = [f"symbol    {one['symbol']}  {one['state']}  {one['reason']}" for one in outcasts[:OUTCASTS]]
    more = len(outcasts) - OUTCASTS
    return [*lines, f"symbol    … and {more} more: leadline symbols"] if more > 0 else lines


def _clock(stats: dict[str, Any]) -> str:
    if stats["clock_offset_us"] is None or stats["clock_error_us"] is None:
        return ""
    return "  clock " + clock_words(stats["clock_offset_us"], stats["clock_error_us"])


def _us(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f} µs" if value < 10_000 else f"{value / 1000:,.0f} ms"  # noqa: PLR2004 - units


def _jobs(supervisor: Supervisor) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for name, justify in (
        ("deployment", "left"),
        ("last run", "left"),
        ("ago", "right"),
        ("next in", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("completed", justify="right")
    table.add_column("failed", justify="right")
    for job in supervisor.seen.jobs:
        state = Text(job.last_state or "none yet", style=COLOURS.get(job.last_type, "yellow"))
        ago = "" if job.last_at is None else f"{max(0.0, age_s(job.last_at)):,.0f} s"
        wait = "" if job.next_at is None else f"{max(0.0, -age_s(job.next_at)):,.0f} s"
        failed = Text(str(job.failed), style="red" if job.failed else "")
        table.add_row(job.name, state, ago, wait, str(job.completed), failed)
    return table
