"""The page in a real browser, without a screen; skipped where there is none."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.flows.commands import leadline
from tests.flows.dash.test_serve import dash

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium")


def shown(url: str, folder: Path, *, ms: int = 2_000) -> tuple[str, list[str]]:
    """Return the document as the browser has it after ``ms`` of its own time, and what its console said."""
    assert BROWSER is not None
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    command += [f"--virtual-time-budget={ms}", f"--user-data-dir={folder}/profile", "--dump-dom", url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    return ran.stdout, re.findall(r"CONSOLE[:(].*", ran.stderr)


def test_a_file_in_a_browser(small_db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    assert leadline(capsys, "report", "--db", small_db, "--out", out).code == 0
    dom, console = shown(out.as_uri(), tmp_path)
    assert "trusted, with holes" in dom
    assert not console
    # An error would be seen: the page's own policy refuses a script put into it.
    broken = out.read_text(encoding="utf-8").replace("</main>", "<script>0</script></main>")
    out.write_text(broken, encoding="utf-8")
    assert shown(out.as_uri(), tmp_path)[1]


def test_the_live_page_renews_itself(small_db: Path, tmp_path: Path) -> None:
    db = Path(shutil.copy(small_db, tmp_path / "x.duckdb"))
    with dash(tmp_path, "--db", db, "--every", "1") as (client, _):
        dom, console = shown(str(client.base_url), tmp_path, ms=6_000)
        assert "2/2 trusted · Leadline</title>" in dom
        assert "trusted, with holes" in dom
        assert not console
