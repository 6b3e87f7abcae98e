"""
The installed wheel as a person runs it: ``leadline demo``, then ``leadline up`` until every deployment ran.

    python -m tests.wheel      some minutes; exit code 0 if all of it held

Both run in a new venv that holds the wheel and what it requires, no more, and in a folder whose own files
have our floors' names and raise when somebody imports them.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leadline.flows.local.prefect_server import free_port
from tests.flows.commands import environ
from tests.flows.local.house import NAMES, Up
from tests.flows.waiting import until
from tests.imports.hostile import make_hostile
from tests.imports.told import copies, telling, told
from tests.wheel.building import build, clean_venv, names, unpacked

ROOT = Path(__file__).parents[2]
DEMO_S = 20
UP_S = 900.0  # every deployment is due within two minutes; a busy machine is late
END_S = 240.0


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)


def demo(program: Path, work: Path, variables: dict[str, str]) -> None:
    """Run the demo, proofs and all."""
    subprocess.run(
        [str(program), "demo", "--seconds", str(DEMO_S)], cwd=work, env=variables, check=True, timeout=UP_S,
        stdout=sys.stderr,
    )  # fmt: skip


def up(house: Up) -> None:
    """Run everything until each deployment has completed a scheduled run, then press Ctrl-C."""
    try:
        process = house.start_here()
        say(f"up, as process {process.pid}")
        until(
            lambda: not house.lacking(),
            lambda: f"a run of each: {house.states()}\n{house.words()[-2000:]}",
            timeout_s=UP_S,
        )
        say(f"every deployment ran: {house.states()}")
        process.send_signal(signal.SIGINT)
        code = process.wait(END_S)
        assert code == 0, f"exit code {code}: {house.words()[-2000:]}"
        until(lambda: not house.parts(), "no part is left", timeout_s=END_S)
    finally:
        house.end_hard()


def check_modules(folder: Path, package: Path, work: Path) -> None:
    """Every module came from the wheel, once, and no child looked into the working folder."""
    loaded = told(folder)
    assert not (doubled := copies(loaded)), doubled
    foreign = {each.file for each in loaded if not Path(each.file).is_relative_to(package)}
    assert not foreign, foreign
    runs = {each.pid for each in loaded if "prefect.engine" in each.command}
    assert len(runs) >= len(NAMES)
    looked = {each.command for each in loaded if each.folder == str(work) and each.folder_on_path}
    assert not looked, looked
    say(
        f"{len({each.pid for each in loaded})} processes, {len(runs)} of them runs: one copy of each module"
    )


def main() -> int:
    """Build, install, run, and look at what was imported."""
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a shell's & makes us and our children deaf to it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="leadline-wheel-") as text:
        folder = Path(text).resolve()
        source = unpacked(build("sdist", ROOT, folder), folder / "source")
        wheel = build("wheel", source, folder / "dist")
        program = clean_venv(folder / "venv", wheel) / "leadline"
        say(f"{wheel.name}: {len(names(wheel))} files, installed in {program.parents[1]}")
        work = make_hostile(folder / "work")
        modules = telling(folder / "modules")
        demo(program, work, environ(**modules))
        say("the demo's proofs held")
        up(Up(work, "--port", str(free_port()), program=[str(program)], **modules))
        say("Ctrl-C: everything was stopped in order")
        (package,) = program.parents[1].glob("lib/python3.*/site-packages/leadline")
        check_modules(folder / "modules", package, work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
