"""Tests in a real browser: they run when this folder is named, as `make test-browser` does, and only then."""

from pathlib import Path

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path, config):
    named = (config.invocation_params.dir / argument.split("::")[0] for argument in config.invocation_params.args)
    return None if any(HERE in (path.resolve(), *path.resolve().parents) for path in named) else True
