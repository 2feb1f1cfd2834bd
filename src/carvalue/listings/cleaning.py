"""Raw frame in, listings out, every rejected row counted by reason."""
