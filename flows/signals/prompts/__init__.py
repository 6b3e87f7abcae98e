"""Prompts, one file a version; `flows.signals.prompting` reads them."""
