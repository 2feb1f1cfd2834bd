"""The baseline: Flask behind gunicorn."""

from benchmarks.serving.dataframe_model import DataFrameModel
from flask import Flask, request

app, model = Flask(__name__), DataFrameModel()


@app.post("/predict")
def predict() -> dict[str, object]:
    """Price one listing."""
    return model.price(request.get_json())
