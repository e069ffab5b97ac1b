"""With what outside help: the only imports of Kafka, Delta, MLflow, Presidio and models."""
