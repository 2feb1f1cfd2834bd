"""The bundled sample: raw listings out of a seeded generator, nobody's rows."""

from carvalue.listings.synthetic.writer import DEFAULT_ROWS, DEFAULT_SEED, GENERATOR, write_sample

__all__ = ["DEFAULT_ROWS", "DEFAULT_SEED", "GENERATOR", "write_sample"]
