"""``python -m leadline`` is ``leadline``."""

from __future__ import annotations

import sys

from leadline.flows.cli import main

if __name__ == "__main__":
    sys.exit(main())
