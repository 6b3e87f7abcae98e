"""The only SQL of the house: schema, writer, owner and client connections, queries, exports."""

import os

# The port for other processes has 128 threads and there are two of it; each keeps what it freed, up to
# 32 KiB a block, until its own next use. Measured: 160 queries of other processes left 160 MB behind, and
# 45 MB with this, which DuckDB reads when it is loaded. Whoever set it already knows better.
os.environ.setdefault("DUCKDB_JE_MALLOC_CONF", "tcache_max:4096")
