"""The bundled sample: synthetic raw listings from a seeded generator."""

from carvalue.listings.synthetic.described import write_described_sample
from carvalue.listings.synthetic.writer import DEFAULT_ROWS, DEFAULT_SEED, GENERATOR, write_sample

__all__ = ["DEFAULT_ROWS", "DEFAULT_SEED", "GENERATOR", "write_described_sample", "write_sample"]
