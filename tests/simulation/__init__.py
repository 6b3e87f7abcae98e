"""One seed is one life: venue, network, clocks, disk and stream in one process, under virtual time."""
