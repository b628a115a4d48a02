"""The worker: a Celery process that supervises engines; imports neither torch nor FastAPI."""
