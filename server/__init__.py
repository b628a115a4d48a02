"""The service: FastAPI over the database; never imports torch."""
