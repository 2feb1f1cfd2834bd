"""The baseline: Flask behind gunicorn."""

from benchmarks.serving.reference_car import UsualModel
from flask import Flask, request

app, model = Flask(__name__), UsualModel()


@app.post("/predict")
def predict() -> dict[str, object]:
    """Answer one listing."""
    return model.price(request.get_json())
