"""The model that needs no key: it runs in a process of ours."""
