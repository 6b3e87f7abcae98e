"""``python -m flows`` from the source tree is ``python -m leadline``."""

from __future__ import annotations

import runpy

if __name__ == "__main__":
    runpy.run_module("leadline", run_name="__main__", alter_sys=True)
