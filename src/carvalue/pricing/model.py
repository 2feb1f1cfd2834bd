"""The price model: listing in, quote out; a bundle folder that describes itself."""
