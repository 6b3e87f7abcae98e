"""Prompts, one file a version; `flows.prompting` reads them."""
