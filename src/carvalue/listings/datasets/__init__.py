"""From raw listings to versioned training, validation and test sets."""
