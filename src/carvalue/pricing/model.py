"""The price model: quotes listings, and is saved and loaded as a bundle folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from carvalue.files import BundleIncompatible, json_bytes, read_bundle, read_json, write_bundle
from carvalue.listings import MARKET, NAME_FIELDS, Listing
from carvalue.pricing.bundle import (
    Golden,
    ModelCard,
    encoder_from_json,
    encoder_to_json,
    golden_from_json,
    golden_to_json,
)
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    NO_ROWS,
    WITHOUT_ODOMETER,
    FeatureEncoder,
    FrameCells,
    Indices,
    ListingCells,
    Matrix,
    car_name,
    implausible_rows,
    read_name,
)
from carvalue.pricing.intervals import (
    LEVELS,
    NO_CORRECTION,
    Floats,
    IntervalInputs,
    PriceDistribution,
    PriceIntervals,
    QuantileTrees,
    RangeCorrection,
    Whole,
    interval_inputs,
)
from carvalue.pricing.market import (
    Comparables,
    KnownCategories,
    ModelFamily,
    PriceEstimate,
    QuoteWarning,
    SupportCounts,
    SupportGrade,
)
from carvalue.pricing.trees import FlatTrees

if TYPE_CHECKING:
    import xgboost as xgb

BOOSTER = "model.ubj"
FLAT_TREES = "forest.npz"
LOW_TREES, HIGH_TREES = "quantile-low.npz", "quantile-high.npz"
CARD = "card.json"
FEATURES = "features.json"
KNOWN_CATEGORIES = "familiar.json"
INTERVALS = "ranges.json"
GOLDEN = "golden.json"
REFERENCE_CAR = "usual.json"
COMPARABLES = "comparables.parquet"

STRINGS = pl.List(pl.String)
MAX_NUMPY_ROWS = 4
"""Up to so many rows the NumPy traversal is faster than XGBoost; both give the same bits."""


class OtherMarket(BundleIncompatible):
    """The bundle is a model of another market than this process serves."""

    hint = "Set MARKET to the bundle's market, or use another STATE_DIR and registry for this market."


@dataclass(frozen=True, kw_only=True, eq=False)
class PriceModel:
    """A trained price model. Safe to share between threads: quotes do not change it.

    Train one with `carvalue.pricing.training.train_model`, or load one with `load`.
    """

    booster_bytes: bytes = field(repr=False)
    """The XGBoost booster in UBJSON format; empty where the trees are another library's."""
    flat_trees: FlatTrees
    """The trees of the booster as arrays, for fast prediction."""
    quantile_trees: QuantileTrees | None = None
    """Trees of the ends of the price range; None in older bundles."""
    encoder: FeatureEncoder
    """Encoder of listings."""
    intervals: PriceIntervals
    """Calibrated conformal intervals."""
    known_categories: KnownCategories
    """Makes, models and regions of the training rows, and the warnings about others."""
    card: ModelCard
    """Facts about the training and the accuracy."""
    reference_car: Listing
    """Typical car of the training rows, to which explanations compare a listing."""
    comparables: Comparables
    """Cars of the training rows, for the search of similar ones."""
    golden: Golden = ()
    """Listings whose quotes are checked when the bundle is loaded."""
    correction: RangeCorrection = NO_CORRECTION
    """Correction of the intervals by reported sales; no part of the bundle."""

    def quote(self, listing: Listing) -> PriceEstimate:
        """Quote one listing.

        Args:
            listing: Field name -> value; an absent field counts as missing.

        Returns:
            Price, interval and warnings.
        """
        return self.quote_many((listing,))[0]

    def quote_many(self, listings: Sequence[Listing]) -> tuple[PriceEstimate, ...]:
        """Quote listings with one prediction for all; faster per listing than single calls.

        Args:
            listings: Listings to quote; may be empty.

        Returns:
            One quote for each listing, in the same order.
        """
        if not listings:
            return ()
        dollars, warned = self._quote_cells(ListingCells(listings))
        texts = (tuple(warning.text for warning in warnings) for warnings in warned)
        kinds = (tuple(warning.kind for warning in warnings) for warnings in warned)
        support = map(self.support, listings)
        price, low, high, *calibrated = dollars.tolist()
        before = zip(*calibrated, strict=True) if calibrated else repeat(None)
        return tuple(map(PriceEstimate, price, low, high, texts, kinds, support, before))

    def support(self, listing: Listing) -> SupportCounts:
        """Count the training cars that resemble a listing.

        Args:
            listing: Any listing.

        Returns:
            Numbers of cars by make, family, trim and year.
        """
        name = car_name(listing.get("manufacturer"), listing.get("model"))
        return self.comparables.support(name, listing.get("year"))

    def quote_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Quote a frame of listings; the same quotes as `quote_many`.

        Args:
            frame: Listings with the schema's columns; an absent column counts as missing.

        Returns:
            Columns `price`, `low` and `high` (whole dollars, Int64), `support_grade`, `warnings` and `kinds`
            (lists of strings); one row for each row, in the same order. While reported sales correct the
            interval, also `calibrated_low` and `calibrated_high`, the interval before that.
        """
        cells = FrameCells(frame)
        dollars, warned = self._quote_cells(cells)
        names = ("price", "low", "high", "calibrated_low", "calibrated_high")[: len(dollars)]
        return pl.DataFrame(
            {
                **dict(zip(names, dollars, strict=True)),
                "support_grade": pl.Series(self._support_grades(cells), dtype=pl.String),
                "warnings": pl.Series([[item.text for item in row] for row in warned], dtype=STRINGS),
                "kinds": pl.Series([[item.kind for item in row] for row in warned], dtype=STRINGS),
            }
        )

    def scored_listing(self, listing: Listing) -> Listing:
        """Return the listing that is scored: an implausible odometer is dropped where that lowers the price.

        Args:
            listing: Listing to quote.

        Returns:
            The listing itself, or a copy without its odometer.
        """
        cells = ListingCells((listing,))
        if not len(self._implausible_rows(cells)):
            return listing
        candidates = (listing, {**listing, **WITHOUT_ODOMETER})
        typed, without = self.log_prices(self.encoder.encode(ListingCells(candidates)))
        return candidates[int(without < typed)]

    @cached_property
    def booster(self) -> "xgb.Booster":
        """The XGBoost booster, built on first use: with compiled trees, quotes do not need it."""
        return new_booster(self.booster_bytes)

    @property
    def makes(self) -> tuple[str, ...]:
        """Makes of the training rows, the most frequent first."""
        return tuple(self.known_categories.makes)

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions of the training rows, the most frequent first."""
        return self.known_categories.regions

    def models_of(self, manufacturer: str) -> tuple[ModelFamily, ...]:
        """List the model families of a make.

        Args:
            manufacturer: The make, in any spelling.

        Returns:
            Families of the training rows, the most frequent first; empty where the make is unknown.
        """
        make = read_name(manufacturer, "").make
        return tuple(self.known_categories.makes.get(make, {}).values())

    def log_prices(self, matrix: Matrix) -> Floats:
        """Predict the log price of encoded rows.

        Args:
            matrix: Encoded rows, shape (rows, features); the last column is the base margin.

        Returns:
            Log prices in log dollars, shape (rows,), dtype float64.
        """
        base_margin = matrix[:, -1]
        if self.flat_trees.native or not self.booster_bytes or len(matrix) <= MAX_NUMPY_ROWS:
            return self.flat_trees.predict(matrix, base_margin=base_margin).astype(np.float64)
        predicted = self.booster.inplace_predict(matrix, validate_features=False, base_margin=base_margin)
        return predicted.astype(np.float64)

    def interval_inputs(self, matrix: Matrix, *, log_price: Floats) -> IntervalInputs:
        """Collect what the interval of each row depends on.

        Args:
            matrix: Encoded rows, shape (rows, features).
            log_price: Quoted log prices, shape (rows,).

        Returns:
            The inputs of `intervals`.
        """
        return interval_inputs(self.encoder, matrix, log_price=log_price, quantile_trees=self.quantile_trees)

    def save(self, folder: Path) -> None:
        """Write the bundle; an existing bundle is replaced atomically.

        Args:
            folder: Folder of the bundle.
        """
        write_bundle(folder, self.as_files())

    def as_files(self) -> dict[str, bytes]:
        """Serialize the model.

        Returns:
            File name -> content of each file of the bundle.
        """
        files = {BOOSTER: self.booster_bytes} if self.booster_bytes else {}
        if self.quantile_trees:
            files[LOW_TREES] = self.quantile_trees.low.as_bytes()
            files[HIGH_TREES] = self.quantile_trees.high.as_bytes()
        return files | {
            FLAT_TREES: self.flat_trees.as_bytes(),
            FEATURES: json_bytes(encoder_to_json(self.encoder)),
            KNOWN_CATEGORIES: json_bytes(self.known_categories.as_json()),
            INTERVALS: json_bytes(self.intervals.as_json()),
            GOLDEN: json_bytes(golden_to_json(self.golden)),
            CARD: json_bytes(self.card.as_json()),
            REFERENCE_CAR: json_bytes(dict(self.reference_car)),
            COMPARABLES: self.comparables.as_bytes(),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the model as its bundle, without the caches, which cannot be pickled.

        Returns:
            What `pickle` makes the copy from.
        """
        return _from_pickled, (self.as_files(), self.correction)

    @classmethod
    def load(cls, folder: Path | str) -> "PriceModel":
        """Read a bundle, verify its checksums, and check its golden quotes.

        Args:
            folder: Folder of the bundle.

        Returns:
            The model.

        Raises:
            BundleCorrupt: A file is missing or has another checksum.
            BundleIncompatible: This program cannot read the bundle, or its golden quotes differ.
        """
        folder = Path(folder)
        files = read_bundle(folder)
        try:
            model = cls.from_files(files, folder=folder)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleIncompatible(f"{folder} cannot be read: {type(error).__name__} {error}.") from error
        model._check_market(folder)
        model._check_golden(folder)
        return model

    @classmethod
    def from_files(cls, files: dict[str, bytes], *, folder: Path) -> "PriceModel":
        """Read what `as_files` wrote, without checking the golden quotes.

        Args:
            files: File name -> content.
            folder: Folder that error messages name.

        Returns:
            The model.

        Raises:
            KeyError, TypeError, ValueError: A file or a key is missing, or has another format.
        """
        content = {
            name: read_json(files[name], name=name, folder=folder) for name in files if name.endswith(".json")
        }
        return cls(
            booster_bytes=_ubjson(files[BOOSTER]) if BOOSTER in files else b"",
            flat_trees=FlatTrees.from_bytes(files[FLAT_TREES]),
            quantile_trees=_quantile_trees(files),
            encoder=encoder_from_json(content[FEATURES]),
            intervals=PriceIntervals.from_json(content[INTERVALS]),
            known_categories=KnownCategories.from_json(content[KNOWN_CATEGORIES]),
            card=ModelCard.from_json(content[CARD]),
            reference_car=content[REFERENCE_CAR],
            comparables=Comparables.from_bytes(files[COMPARABLES]),
            golden=golden_from_json(content[GOLDEN]),
        )

    def distribution(self, listing: Listing) -> PriceDistribution:
        """Predict the distribution of the asking price of one listing.

        Args:
            listing: Field name -> value; an absent field counts as missing.

        Returns:
            Quantiles, and the probability of prices below a given one. The quantiles 0.05, 0.5 and 0.95 are
            `low`, `price` and `high` of the quote.

        Raises:
            QuantilesUnknown: The bundle of the model has no quantiles.
        """
        (prices,) = self.quantiles(ListingCells((listing,)), np.array(LEVELS)).tolist()
        return PriceDistribution(tuple(prices))

    def quantiles(self, cells: ListingCells | FrameCells, levels: Floats) -> Whole:
        """Compute quantiles of the asking prices of listings.

        Args:
            cells: Cells of the listings.
            levels: Probabilities between 0 and 1, shape (levels,).

        Returns:
            Whole dollars, shape (listings, levels).

        Raises:
            QuantilesUnknown: The bundle of the model has no quantiles.
        """
        matrix, log_price = self._scored(cells)
        inputs = self.interval_inputs(matrix, log_price=log_price)
        offsets = self.intervals.quantile_offsets(inputs, levels)
        if self.correction.is_active:
            below, above = self.intervals.offsets(inputs)
            offsets = self.correction.corrected_quantiles(offsets, below=below, above=above)
            offsets = self.intervals.limited(offsets, log_price=log_price[:, None])
        return _dollars(log_price[:, None] + offsets)

    def _quote_cells(self, cells: ListingCells | FrameCells) -> tuple[Whole, list[tuple[QuoteWarning, ...]]]:
        """Quote listings: the only path from cells to price, low and high, shape (3, listings).

        While sales correct the intervals, the calibrated low and high follow, shape (5, listings).
        """
        matrix, log_price = self._scored(cells)
        inputs = self.interval_inputs(matrix, log_price=log_price)
        ends = [self.intervals.offsets(inputs)]
        if self.correction.is_active:
            corrected = self.correction.corrected(*ends[0])
            ends.insert(0, self.intervals.limited_ends(*corrected, inputs=inputs))
        parts = [part for below, above in ends for part in (log_price - below, log_price + above)]
        dollars = _dollars(np.concatenate([log_price, *parts]))
        return dollars.reshape(1 + len(parts), -1), self._warnings(cells)

    def _scored(self, cells: ListingCells | FrameCells) -> tuple[Matrix, Floats]:
        """Encode and price listings; an implausible odometer is dropped where that lowers the price."""
        matrix = self.encoder.encode(cells)
        log_price = self.log_prices(matrix)
        rows = self._implausible_rows(cells)
        if len(rows):
            without = self.encoder.encode(cells.replaced(rows, WITHOUT_ODOMETER))
            others = self.log_prices(without)
            lower = others < log_price[rows]
            matrix[rows[lower]], log_price[rows[lower]] = without[lower], others[lower]
        return matrix, log_price

    def _implausible_rows(self, cells: ListingCells | FrameCells) -> Indices:
        if not self.encoder.flags_odometers:
            return NO_ROWS
        return implausible_rows(cells, newest_year=self.known_categories.newest_year)

    def _support_grades(self, cells: FrameCells) -> list[SupportGrade]:
        index, names = cells.distinct(NAME_FIELDS)
        grades = [self.comparables.support(car_name(*name), None).grade for name in names]
        return [grades[number] for number in index.tolist()]

    def _warnings(self, cells: ListingCells | FrameCells) -> list[tuple[QuoteWarning, ...]]:
        warned = self.known_categories.warnings(cells)
        if not self.encoder.flags_odometers:
            warned = [tuple(item for item in row if item.kind != IMPLAUSIBLE) for row in warned]
        index, names = cells.distinct(NAME_FIELDS)
        unknown = [self.comparables.unknown_words(car_name(*name)) for name in names]
        if any(unknown):
            for row, number in enumerate(index.tolist()):
                if words := unknown[number]:
                    text = f"not used, because hardly any car of the make has these words: {' '.join(words)}"
                    warned[row] = (*warned[row], QuoteWarning("words_unknown", text))
        return warned

    def _check_market(self, folder: Path) -> None:
        if self.card.market != MARKET.name:
            raise OtherMarket(
                f"{folder} is a model of the market {self.card.market}: MARKET is {MARKET.name}."
            )

    def _check_golden(self, folder: Path) -> None:
        for listing, expected in self.golden:
            quote = self.quote(listing)
            as_recorded = replace(quote, warnings=quote.warnings[: len(expected.warnings)])
            if as_recorded != expected:  # a newer program may add warnings
                raise BundleIncompatible(
                    f"{folder / GOLDEN}: the quote of {dict(listing)} is {quote}, expected {expected}."
                )


def new_booster(content: bytes) -> "xgb.Booster":
    """Read a booster for prediction with one thread: requests are single rows and run in parallel.

    Args:
        content: Booster in UBJSON format.

    Returns:
        The booster.
    """
    import xgboost as xgb  # noqa: PLC0415  # 150 MB of memory with its optional imports

    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(content))
    booster.set_param({"nthread": 1})
    return booster


def _ubjson(content: bytes) -> bytes:
    if not content.startswith(b"{"):
        raise ValueError(f"{BOOSTER} is not a UBJSON file: it starts with {content[:4]!r}, expected b'{{'")
    return content


def _quantile_trees(files: dict[str, bytes]) -> QuantileTrees | None:
    if LOW_TREES not in files:
        return None
    low, high = (FlatTrees.from_bytes(files[name]) for name in (LOW_TREES, HIGH_TREES))
    return QuantileTrees(low=low, high=high)


def _dollars(log_prices: Floats) -> Whole:
    dollars: Whole = np.rint(np.exp(log_prices)).astype(np.int64)
    return dollars


def _from_pickled(files: dict[str, bytes], correction: RangeCorrection) -> PriceModel:
    return replace(PriceModel.from_files(files, folder=Path("pickled bundle")), correction=correction)
