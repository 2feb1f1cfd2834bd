"""The price model: listing in, quote out; a bundle folder that describes itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.files import BundleIncompatible, json_bytes, read_bundle, read_json, write_bundle
from carvalue.listings import Listing
from carvalue.pricing.bundle import (
    Golden,
    ModelCard,
    encoder_from_json,
    encoder_to_json,
    golden_from_json,
    golden_to_json,
)
from carvalue.pricing.features import (
    FeatureEncoder,
    Matrix,
    drop_implausible,
    drop_odometer,
    implausible_rows,
    is_implausible,
    read_name,
)
from carvalue.pricing.intervals import Floats, PriceRange, interval_inputs
from carvalue.pricing.market import Comparables, KnownCategories, ModelFamily, frame_warnings
from carvalue.pricing.quote import Quote
from carvalue.pricing.trees import FlatTrees

if TYPE_CHECKING:
    import xgboost as xgb

BOOSTER, FOREST, CARD, FEATURES, FAMILIAR, RANGES, GOLDEN, USUAL, COMPARABLES = (
    "model.ubj",
    "forest.npz",
    "card.json",
    "features.json",
    "familiar.json",
    "ranges.json",
    "golden.json",
    "usual.json",
    "comparables.parquet",
)
Dollars = npt.NDArray[np.int64]
"""Price, low and high of each listing, shape (3, listings)."""
FEW_ROWS = 4  # up to here a forest that is not compiled is quicker than XGBoost; both give the same bits


@dataclass(frozen=True, kw_only=True, eq=False)
class PriceModel:
    """A fitted model. Safe to share between threads: quoting changes nothing."""

    trees: bytes = field(repr=False)
    """As XGBoost writes them."""
    forest: FlatTrees
    encoder: FeatureEncoder
    ranges: PriceRange
    familiar: KnownCategories
    card: ModelCard
    usual: Listing
    """The usual car of the training rows, against which prices are explained."""
    comparables: Comparables
    golden: Golden = ()

    def quote(self, listing: Listing) -> Quote:
        """Price one listing."""
        return self.quote_many((listing,))[0]

    def quote_many(self, listings: Sequence[Listing]) -> tuple[Quote, ...]:
        """Price listings in order, all in one pass of the trees; one costs more alone than among others."""
        if not listings:
            return ()
        dollars = self._dollars(self.encoder.rows(listings))
        newest = self.familiar.newest_year
        doubted = [place for place, item in enumerate(listings) if is_implausible(item, newest_year=newest)]
        if doubted:
            unknown = [drop_odometer(listings[place]) for place in doubted]
            _take_lower(dollars, np.array(doubted), self._dollars(self.encoder.rows(unknown)))
        cautions = [self.familiar.warnings(listing) for listing in listings]
        warnings = (tuple(caution.text for caution in found) for found in cautions)
        kinds = (tuple(caution.kind for caution in found) for found in cautions)
        return tuple(map(Quote, *dollars.tolist(), warnings, kinds))

    def quote_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Price a frame of listings: price, low, high, warnings and their kinds, row for row in its order."""
        doubted = implausible_rows(frame, newest_year=self.familiar.newest_year)
        dollars = self._dollars(self.encoder.matrix(frame))
        if doubted.any():
            unknown = drop_implausible(frame.filter(doubted), newest_year=self.familiar.newest_year)
            _take_lower(dollars, doubted.to_numpy().nonzero()[0], self._dollars(self.encoder.matrix(unknown)))
        price, low, high = dollars
        quoted = pl.DataFrame({"price": price, "low": low, "high": high})
        return quoted.hstack(frame_warnings(frame, self.familiar))

    def as_priced(self, listing: Listing) -> Listing:
        """Give the listing that is priced: without an odometer that is not believed, if that costs less."""
        if not is_implausible(listing, newest_year=self.familiar.newest_year):
            return listing
        ways = (listing, drop_odometer(listing))
        typed, unknown = self.log_prices(self.encoder.rows(ways))
        return ways[int(unknown < typed)]

    @cached_property
    def booster(self) -> "xgb.Booster":
        """XGBoost's own form of the trees, made when first asked for: a compiled forest quotes without it."""
        return new_booster(self.trees)

    @property
    def makes(self) -> tuple[str, ...]:
        """The makes of the training rows, the most frequent first."""
        return tuple(self.familiar.makes)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions of the training rows, the most frequent first."""
        return self.familiar.regions

    def models_of(self, manufacturer: str) -> tuple[ModelFamily, ...]:
        """The model families of a make, the most frequent first; none where the make is unknown."""
        return tuple(self.familiar.makes.get(read_name(manufacturer, "").make, {}).values())

    def log_prices(self, matrix: Matrix) -> Floats:
        """Score encoded rows. Unit: log dollars."""
        if self.forest.compiled or len(matrix) <= FEW_ROWS:
            return self.forest.scores(matrix, starts=matrix[:, -1]).astype(np.float64)
        quoted = self.booster.inplace_predict(matrix, validate_features=False, base_margin=matrix[:, -1])
        return quoted.astype(np.float64)

    def save(self, folder: Path) -> None:
        """Write the bundle aside, then put it in its place."""
        write_bundle(
            folder,
            {
                BOOSTER: self.trees,
                FOREST: self.forest.as_bytes(),
                FEATURES: json_bytes(encoder_to_json(self.encoder)),
                FAMILIAR: json_bytes(self.familiar.as_json()),
                RANGES: json_bytes(self.ranges.as_json()),
                GOLDEN: json_bytes(golden_to_json(self.golden)),
                CARD: json_bytes(self.card.as_json()),
                USUAL: json_bytes(dict(self.usual)),
                COMPARABLES: self.comparables.as_bytes(),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> "PriceModel":
        """Read a bundle, check its checksums, and price its golden listings anew.

        Raises:
            BundleCorrupt: a file is missing or is not the one that was written.
            BundleIncompatible: this program cannot read it, or prices its golden listings differently.
        """
        files = read_bundle(folder)
        try:
            model = _from_files(files, folder=folder)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleIncompatible(f"{folder} cannot be read: {type(error).__name__} {error}.") from error
        model._check_golden(folder)
        return model

    def _dollars(self, matrix: Matrix) -> Dollars:
        log_price = self.log_prices(matrix)
        below, above = self.ranges.ends(interval_inputs(self.encoder, matrix, log_price=log_price))
        ends = np.concatenate([log_price, log_price - below, log_price + above])
        dollars: Dollars = np.rint(np.exp(ends)).astype(np.int64).reshape(3, -1)
        price, low, high = dollars
        np.minimum(low, price, out=low)
        np.maximum(high, price, out=high)
        return dollars

    def _check_golden(self, folder: Path) -> None:
        for listing, expected in self.golden:
            quote = self.quote(listing)
            if quote != expected:
                raise BundleIncompatible(
                    f"{folder / GOLDEN}: {dict(listing)} is {expected}, here it is {quote}."
                )


def new_booster(raw: bytes) -> "xgb.Booster":
    """Read a booster for quoting: one thread, because a request is one row and requests run side by side."""
    import xgboost as xgb  # noqa: PLC0415  # 150 MB, with all that it imports where it finds it

    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(raw))
    booster.set_param({"nthread": 1})
    return booster


def _from_files(files: dict[str, bytes], *, folder: Path) -> PriceModel:
    read = {
        name: read_json(files[name], name=name, folder=folder) for name in files if name.endswith(".json")
    }
    return PriceModel(
        trees=_ubjson(files[BOOSTER]),
        forest=FlatTrees.from_bytes(files[FOREST]),
        encoder=encoder_from_json(read[FEATURES]),
        ranges=PriceRange.from_json(read[RANGES]),
        familiar=KnownCategories.from_json(read[FAMILIAR]),
        card=ModelCard.from_json(read[CARD]),
        usual=read[USUAL],
        comparables=Comparables.from_bytes(files[COMPARABLES]),
        golden=golden_from_json(read[GOLDEN]),
    )


def _ubjson(trees: bytes) -> bytes:
    if not trees.startswith(b"{"):
        raise ValueError(f"{BOOSTER} is no UBJSON")
    return trees


def _take_lower(dollars: Dollars, places: npt.NDArray[np.intp], others: Dollars) -> None:
    """Put the other price and range in these places where that price is lower."""
    lower = others[0] < dollars[0, places]
    dollars[:, places[lower]] = others[:, lower]
