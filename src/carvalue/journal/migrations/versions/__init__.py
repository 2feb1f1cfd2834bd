"""One module per revision of the journal tables."""
