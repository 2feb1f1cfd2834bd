"""A frame and its rows one by one give the same numbers, bit for bit."""

import numpy as np
import polars as pl

from carvalue.pricing.features.encoder import FeatureEncoder
from carvalue.pricing.training.encoding import fit_training_encoder, in_memory
from markets import a_market, an_encoder

ODD_ROWS = pl.DataFrame(
    {
        "manufacturer": [None, "toyota", "no such make", "FORD"],
        "model": [None, "", "no such model", "  F-150   XLT "],
        "year": [None, 1985, 2030, 2010],
        "odometer": [None, 0, 400_000, 1],
        "region": [None, "nowhere", "austin", ""],
    }
)


def test_a_frame_and_single_listings_are_encoded_alike_bit_for_bit() -> None:
    market = a_market(rows=500)
    encoder = an_encoder(market)
    for frame in (market, a_market(rows=200, seed=9), ODD_ROWS):
        one_by_one = np.concatenate([encoder.row(row) for row in frame.to_dicts()])

        assert encoder.matrix(frame).tobytes() == one_by_one.tobytes()


def test_the_order_of_columns_does_not_matter() -> None:
    market = a_market(rows=300)
    encoder = an_encoder(market)

    assert encoder.matrix(market.select(sorted(market.columns))).tobytes() == encoder.matrix(market).tobytes()


def test_training_rows_do_not_see_their_own_price_in_a_level() -> None:
    market = a_market(rows=500)
    lonely = market.with_columns(pl.format("{} unique{}", "model", "id").alias("model"))
    encoder = fit_training_encoder(in_memory(lonely))
    level = encoder.encoder.names.index("name_level")

    seen, unseen = (
        encoder.encode_unseen(lonely).matrix[:, level],
        encoder.encode_out_of_fold(lonely).matrix[:, level],
    )

    noise = lonely["price"].log().to_numpy()
    assert _correlation(unseen, noise) < _correlation(seen, noise)


def test_an_encoder_with_no_features_gives_empty_rows() -> None:
    assert FeatureEncoder(features=()).matrix(ODD_ROWS).shape == (4, 0)


def _correlation(level: np.ndarray, price: np.ndarray) -> float:
    return float(np.corrcoef(level, price)[0, 1])
