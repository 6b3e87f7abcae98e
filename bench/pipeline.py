"""
Socket to book and socket to durable row, measured against a sender in a process of its own.

    bench.sender ──loopback WebSocket──> tasks.feed.Feed ──> book                (batches thrown away)
                                                        └──> book ──> storage.writer.Writer ──> DuckDB

Flat out and at a steady rate. The sender says which ids it sent; afterwards SQL counts that every one
of them is stored exactly once and in one unbroken chain. ``python -m bench.pipeline --help`` runs it
alone.
"""
