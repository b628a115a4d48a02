"""The distillation engine: a library and a command line that know no server, worker, queue or database."""

__version__ = "0.1.0"
