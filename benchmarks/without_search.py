"""Train without a search and score: `python benchmarks/without_search.py FOLDER [--default]`."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from carvalue.pricing.bundle.model_card import Provenance
from carvalue.pricing.evaluation.evaluate import evaluate_bundle
from carvalue.pricing.training.search import INITIAL_PARAMS, SEARCH_BUDGETS, Budget, SearchResult
from carvalue.pricing.training.train import train_model


def main(folder: Path, budget: Budget) -> None:
    """Print the scores on the validation rows, before the refit, and on the test rows."""
    files = {name: folder / f"{name}.parquet" for name in ("train", "validation", "test")}
    model = train_model(
        tuned=SearchResult(
            params=INITIAL_PARAMS,
            error=0.0,
            rounds=SEARCH_BUDGETS[budget].rounds,
            budget=budget,
            trials=0,
            seconds=0.0,
        ),
        train=files["train"],
        validation=files["validation"],
        provenance=Provenance(
            data_source="file",
            source_description=str(folder),
            dataset_fingerprint="unknown",
            git_commit="unknown",
        ),
        trained_at=datetime.now(UTC),
        into=folder / "bundle",
    )
    found = evaluate_bundle(
        bundle=folder / "bundle", train=files["train"], test=files["test"], into=folder / "evaluation"
    )
    print(
        json.dumps(
            {"validation": dict(model.card.metrics), "test": found.metrics, "baseline": found.baseline},
            indent=1,
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), "default" if "--default" in sys.argv else "quick")
