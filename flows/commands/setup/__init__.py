"""Set up this machine and its Prefect server: doctor, automations."""
