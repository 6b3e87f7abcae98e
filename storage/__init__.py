"""The only SQL of the house: schema, writer, owner and client connections, queries, exports."""
