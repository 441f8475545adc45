"""Load profiles: plain Locust files, found by name and read without running them."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

from cxlib.errors import ConfigError
from cxlib.settings import CHECKOUT

FOLDER = CHECKOUT / "locustfiles"
_METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}


def find(profile: str, folder: Path = FOLDER) -> Path:
    """The file of a load profile. Raises ``ConfigError`` with the known profiles."""
    path = folder / f"{profile}.py"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.py"))) or "none"
        raise ConfigError("load profile", f"there is no {path}", f"Known profiles: {known}")
    return path


def parts(profile: Path) -> tuple[Path, ...]:
    """What a profile is made of: its file, the modules beside it that it imports, and the data beside it.

    What it reads from anywhere else isn't known. Raises ``ConfigError`` when a file is not Python.
    """
    found, waiting = {profile}, [profile]
    while waiting:
        beside = {profile.parent / f"{name}.py" for name in _imported(waiting.pop())}
        waiting += (new := {path for path in beside if path.is_file()} - found)
        found |= new
    data = (p for p in profile.parent.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc"))
    return tuple(sorted({*found, *data}))


def sha256(profile: Path) -> str:
    """SHA-256, in hex, of what ``profile`` is made of: names and contents. Raises ``ConfigError``."""
    digest = hashlib.sha256()
    for path in parts(profile):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _imported(path: Path) -> set[str]:
    """The top-level modules that a file imports, ours or not."""
    nodes = list(ast.walk(_tree(path)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def endpoints(path: Path) -> list[str] | None:
    """The endpoints that a locustfile names in its calls, as ``POST /predict``, without running it.

    None when a call's name is computed, so that only the run can tell. Raises ``ConfigError`` when
    the file is not Python.
    """
    calls = [n for n in ast.walk(_tree(path)) if isinstance(n, ast.Call) and _is_request(n.func)]
    names = [_endpoint(call) for call in calls]
    return None if not names or None in names else sorted({n for n in names if n})


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except SyntaxError as exc:
        raise ConfigError(f"{path}, line {exc.lineno}", exc.msg, "Mend the locustfile") from exc


def _is_request(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in _METHODS | {"request"}
        and isinstance(function.value, ast.Attribute)
        and function.value.attr == "client"
    )


def _endpoint(call: ast.Call) -> str | None:
    function = call.func
    arguments: list[ast.expr] = list(call.args)
    if not isinstance(function, ast.Attribute) or any(k.arg is None for k in call.keywords):
        return None
    named = {k.arg: k.value for k in call.keywords}
    method: ast.expr = ast.Constant(function.attr.upper())
    if function.attr == "request":
        method = arguments.pop(0) if arguments else named.get("method", call)
    name = named.get("name") or (arguments[0] if arguments else named.get("path") or named.get("url"))
    texts = [n.value if isinstance(n, ast.Constant) else None for n in (method, name)]
    return f"{texts[0].upper()} {texts[1]}" if all(isinstance(t, str) for t in texts) else None  # type: ignore
