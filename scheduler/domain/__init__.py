"""Facts, plans and the referee: pure data and pure functions, no I/O and no clock."""
