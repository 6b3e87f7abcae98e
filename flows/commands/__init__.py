"""
The commands, one room for each thing a person does.

A room's ``arguments`` declares its commands and imports argparse alone. ``run(args)`` in the module named
as the command does the work and returns the exit code; it is imported when the command runs.
"""
