"""Compare engines on the trees of a bundle: `python -m benchmarks.tree_engines BUNDLE`.

Each engine predicts the same encoded rows on one core, one at a time, sixteen at a time and all at once.
Needs the dependency group `bench`; TL2cgen compiles the trees with gcc, which takes minutes. lleaves and YDF
are not in the table: lleaves reads LightGBM models only, and YDF trains its own.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from benchmarks.results import describe_model, save
from benchmarks.serving.listings import sample_listings

from carvalue.pricing import PriceModel

Rows = npt.NDArray[np.float32]
Engine = Callable[[Rows], npt.NDArray[np.float32]]

BULK_ROWS, BATCH = 4_096, 16
ROUNDS, ROUND_S = 5, 0.4
TOLERANCE = 1e-3  # of a log price: engines add the leaves in another order
UNITS = 64  # files that gcc compiles for TL2cgen
COMMAND = "python -m benchmarks.tree_engines BUNDLE"


def main() -> None:
    """Measure all engines in turns, and write `results/tree_engines.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    bundle = parser.parse_args().bundle
    model = PriceModel.load(bundle)
    encoded = np.concatenate([model.encoder.row(listing) for listing in sample_listings(bundle)])
    rows = np.ascontiguousarray(np.resize(encoded, (BULK_ROWS, encoded.shape[1])), dtype=np.float32)
    expected = model.flat_trees.predict(rows, base_margin=np.zeros(len(rows), dtype=np.float32))
    with tempfile.TemporaryDirectory() as folder:
        engines = dict(_engines(model, Path(folder)))
        for name, engine in engines.items():
            found = engine(rows)
            shift = np.median(found - expected)  # some add the model's base score
            if np.abs(found - shift - expected).max() > TOLERANCE:
                raise SystemExit(f"{name} predicts something else.")
        figures = {name: _measure(engine, rows) for name, engine in engines.items()}
    values = {"rows": [{"engine": name, **each} for name, each in figures.items()]}
    save("tree_engines", values, command=COMMAND, model=describe_model(bundle))


def _measure(engine: Engine, rows: Rows) -> dict[str, float]:
    figures = {
        label: _microseconds(engine, rows, size)
        for label, size in (("one row", 1), (f"a row of {BATCH}", BATCH), ("a row of all", len(rows)))
    }
    print(figures, flush=True)
    return {f"{label}, us": round(value, 2) for label, value in figures.items()}


def _microseconds(engine: Engine, rows: Rows, size: int) -> float:
    """Measure the time for each row, by the median of several rounds over different rows."""
    parts = [np.ascontiguousarray(rows[start : start + size]) for start in range(0, len(rows), size)]
    engine(parts[0])
    rounds = []
    for _ in range(ROUNDS):
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < ROUND_S or not done:
            engine(parts[done % len(parts)])
            done += 1
        rounds.append((time.perf_counter() - began) / done / size)
    return 1e6 * median(rounds)


def _engines(model: PriceModel, folder: Path) -> Iterator[tuple[str, Engine]]:
    margins = {size: np.zeros(size, dtype=np.float32) for size in (1, BATCH, BULK_ROWS)}
    yield "carvalue", lambda rows: model.flat_trees.predict(rows, base_margin=margins[len(rows)])
    booster = model.booster
    booster.set_param({"nthread": 1})
    yield (
        "XGBoost",
        lambda rows: booster.inplace_predict(
            rows, validate_features=False, base_margin=margins[len(rows)], predict_type="margin"
        ),
    )
    yield from _treelite(model, folder)
    yield "ONNX Runtime", _onnx(model)


def _treelite(model: PriceModel, folder: Path) -> Iterator[tuple[str, Engine]]:
    import tl2cgen
    import treelite

    trees = treelite.frontend.from_xgboost(model.booster)
    yield "Treelite", lambda rows: treelite.gtil.predict(trees, rows, nthread=1, pred_margin=True).ravel()
    library = folder / "trees.so"
    tl2cgen.export_lib(
        trees,
        toolchain="gcc",
        libpath=str(library),
        params={"parallel_comp": UNITS},
        nthread=os.cpu_count() or 1,
        options=["-O2"],
    )
    compiled = tl2cgen.Predictor(str(library), nthread=1)
    yield (
        "TL2cgen",
        lambda rows: compiled.predict(tl2cgen.DMatrix(rows, dtype="float32"), pred_margin=True).ravel(),
    )


def _onnx(model: PriceModel) -> Engine:
    import onnxruntime
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    booster = model.booster.copy()
    booster.feature_names = None  # the converter expects f0, f1, ...
    features = booster.num_features()
    content = convert_xgboost(booster, initial_types=[("rows", FloatTensorType([None, features]))])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        content.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def predict(rows: Rows) -> npt.NDArray[np.float32]:
        (found,) = session.run(None, {"rows": rows[:, :features]})
        return np.asarray(found, dtype=np.float32).ravel()

    return predict


if __name__ == "__main__":
    main()
