"""Makes `pytest features/` find scenarios; does nothing for `tests/`. See cxlib/harness."""

pytest_plugins = ["cxlib.harness.plugin"]
