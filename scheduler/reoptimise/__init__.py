"""Keeping the plan true: runs by night and when asked, each one done once, by one worker at a time."""
