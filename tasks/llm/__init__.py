"""Calls to language models: one client for every OpenAI-compatible server, also the embedded one."""
