"""What every run of pytest imports before it knows its arguments: see ``checkout``.

Not the plugins that pytest finds by their entry points: it wants to see those imported itself.
"""

import asyncio  # noqa: F401
import importlib
import ssl  # noqa: F401

import gherkin.parser  # noqa: F401
import jinja2  # noqa: F401
import mako.lookup  # noqa: F401
import packaging.version  # noqa: F401
import pydantic  # noqa: F401
import pygments.formatters  # noqa: F401
import yaml  # noqa: F401
from _pytest.config import builtin_plugins

for name in builtin_plugins:
    importlib.import_module(f"_pytest.{name}")
