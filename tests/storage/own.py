"""Own a database until standard input ends: ``python -m tests.storage.own DB serve|keep``."""

import sys

from leadline.storage.access.owner import Owner

if __name__ == "__main__":
    with Owner(sys.argv[1], serve=sys.argv[2] == "serve"):
        print("ready", flush=True)
        sys.stdin.read()
