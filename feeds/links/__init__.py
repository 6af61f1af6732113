"""Are the source and the way back of every post still good? Posts in, a report out."""
