"""What runs and when: the Prefect flows, the settings and the command line."""
