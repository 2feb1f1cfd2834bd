"""One revision a file. `1.1` follows `1.0`, and `2.0` begins what older programs cannot use."""
