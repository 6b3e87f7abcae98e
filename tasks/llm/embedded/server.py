"""
The embedded model's process: llama.cpp's OpenAI-compatible server on a free port of 127.0.0.1.

`tasks.llm.embedded.model` starts it in a process of its own, because native code may crash and because its
memory and threads are freed with the process. It prints one JSON line with its address and key, then serves
until its standard input ends, which happens however the parent dies.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
from pathlib import Path

# More slots would divide the context and the one thread between them.
SLOTS = 1
PROMPT_CACHE_MIB = 64  # its own default is 8 GiB


def serve(gguf: Path, alias: str, *, context_tokens: int, threads: int) -> tuple[object, str, str]:
    """Start the server; return it (it lives as long as the reference), its base URL and its key."""
    import xllamacpp  # noqa: PLC0415  optional, and loads 80 MB of native code

    key = secrets.token_hex(16)
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.model_alias = {alias}
    params.port = 0
    params.api_keys = [key]
    params.n_ctx = context_tokens
    params.n_parallel = SLOTS
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.ui = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    return server, f"{server.listening_address}/v1", key


def main() -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(
        prog="python -m leadline.tasks.llm.embedded.server", description=__doc__
    )
    parser.add_argument("--gguf", type=Path, required=True, help="the weights")
    parser.add_argument("--alias", required=True, help="the model's name in requests and answers")
    parser.add_argument("--context-tokens", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Native code prints to descriptor 1; the address must be alone there.
    said = os.dup(1)
    os.dup2(2, 1)
    server, base_url, key = serve(
        args.gguf, args.alias, context_tokens=args.context_tokens, threads=args.threads
    )
    os.write(said, json.dumps({"base_url": base_url, "api_key": key, "pid": os.getpid()}).encode() + b"\n")
    os.close(said)
    while os.read(0, 1024):
        pass
    # An orderly shutdown would wait for a request under way, whose answer nobody needs.
    os._exit(0 if server is not None else 1)


if __name__ == "__main__":
    sys.exit(main())
