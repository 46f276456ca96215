"""Marrowline: the scheduler that gets a patient's own living cells made, shipped cold and injected in time."""
