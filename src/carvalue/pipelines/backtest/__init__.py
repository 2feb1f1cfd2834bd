"""The time machine: what the loop would have done on listings of the past, day by day."""
