"""The bundled sample: a seeded generator of raw listings, nobody's rows."""
