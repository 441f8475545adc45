"""Ansible through ansible-runner, as a child process (in-process it takes over our signal handlers)."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cxlib import progress, settings
from cxlib.clients import process, ssh
from cxlib.errors import ConfigError, CxError

SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Play:
    """What one play did: tasks by outcome, counted over all hosts."""

    name: str
    ok: int
    changed: int
    failed: int


@dataclass(frozen=True, slots=True)
class PlaybookRun:
    """A playbook run that ended well; ``changes`` names ``host: task`` of everything it changed."""

    plays: tuple[Play, ...]
    changes: tuple[str, ...]
    seconds: float

    @property
    def changed(self) -> bool:
        return bool(self.changes)


@dataclass(slots=True)
class _Events:
    """Reads ansible-runner's event stream, one JSON object a line."""

    log: Path
    plays: dict[str, dict[str, int]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            self.noise.append(line)
            return
        if text := event.get("stdout"):
            with self.log.open("a") as sink:
                sink.write(text + "\n")
        data = event.get("event_data") or {}
        play, task, host = data.get("play", ""), data.get("task", ""), data.get("host", "")
        counts = self.plays.setdefault(play, {"ok": 0, "changed": 0, "failed": 0}) if play else {}
        match event.get("event"):
            case "playbook_on_task_start":
                progress.state(f"Ansible, {play}", task)
            case "runner_on_ok":
                changed = (data.get("res") or {}).get("changed", False) is True
                counts["changed" if changed else "ok"] += 1
                if changed:
                    self.changes.append(f"{host}: {task}")
            case "runner_on_failed" | "runner_on_unreachable" if not data.get("ignore_errors"):
                counts["failed"] += 1
                self.failures.append(f"{host}: {task}: {_reason(data.get('res') or {})}")


def run(
    site: settings.Site, playbook: str, variables: Mapping[str, object], *, check: bool = False
) -> PlaybookRun:
    """Run ``ansible/<playbook>`` on all machines of ``site``. ``check``: only say what would change.

    Raises ``CxError`` naming each host and task that failed. Whole output in the site's ansible.log, that
    of a check in ansible-check.log: it must not get in the way of a run that is at work.
    """
    name = "ansible-check" if check else "ansible"
    folder = _private_data(site, name, variables)
    events = _Events(site.state / f"{name}.log")
    events.log.write_text("", encoding="utf-8")  # one run's output, not every run's
    argv = [sys.executable, "-m", "ansible_runner", "run", str(folder), "--json", "--playbook", playbook]
    argv += ["--project-dir", str(settings.CHECKOUT / "ansible")]
    argv += ["--inventory", str(folder / "inventory")]
    if check:
        argv += ["--cmdline", "--check --diff"]
    try:
        done = process.run(argv, timeout=SECONDS, env=_environment(site), expect=None, on_line=events.read)
    finally:
        # holds the whole environment in clear, whatever ansible-runner is told
        shutil.rmtree(folder / "artifacts", ignore_errors=True)
    if done.code:
        reasons = "\n".join(events.failures) or "\n".join(events.noise[-20:]) or f"exit {done.code}"
        raise CxError(f"Ansible {playbook} failed; whole output in {events.log}\n{reasons}")
    plays = tuple(Play(name, **counts) for name, counts in events.plays.items())
    return PlaybookRun(plays, tuple(events.changes), done.seconds)


def _private_data(site: settings.Site, name: str, variables: Mapping[str, object]) -> Path:
    """ansible-runner's folder in the site's state: addresses from site.toml beside the site's groups."""
    folder = site.state / name
    if folder.exists():  # with the last run's command line, which ansible-runner takes for this one's
        shutil.rmtree(folder)
    for part in (folder, folder / "env", folder / "inventory"):
        part.mkdir(mode=0o700)  # `parents` would make the outer one as any other
    hosts = {
        name: {"ansible_host": str(address), "ansible_user": site.ssh_user}
        for name, address in site.nodes.items()
    }
    inventory = folder / "inventory"
    (inventory / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    for name in ("groups.yml", "group_vars"):
        (inventory / name).symlink_to(site.folder / "inventory" / name)
    (folder / "env" / "extravars").write_text(json.dumps(dict(variables)), encoding="utf-8")
    return folder


def _environment(site: settings.Site) -> dict[str, str]:
    bin_folder = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": f"{bin_folder}:{os.environ.get('PATH', '')}",
        "ANSIBLE_CONFIG": str(settings.CHECKOUT / "ansible" / "ansible.cfg"),
        "ANSIBLE_SSH_ARGS": " ".join(ssh.options(site)),
        "ANSIBLE_NOCOLOR": "1",
        # Mitogen keeps one Python on each machine for the whole run: a third of the time, see docs/adr.
        "ANSIBLE_STRATEGY": "mitogen_linear",
        "ANSIBLE_STRATEGY_PLUGINS": str(_mitogen() / "plugins" / "strategy"),
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }


def _mitogen() -> Path:
    """Where the package keeps its Ansible plugins; importing it would need Ansible's own start."""
    found = importlib.util.find_spec("ansible_mitogen")
    if found is None or not found.submodule_search_locations:
        raise ConfigError("mitogen", "not installed", "Run `make setup`")
    return Path(found.submodule_search_locations[0])


def _reason(result: Mapping[str, object]) -> str:
    for name in ("msg", "stderr", "stdout"):
        if text := str(result.get(name) or "").strip():
            more = str(result.get("stderr") or "").strip()
            return f"{text}; {more}"[-1500:] if name == "msg" and more else text[-1500:]
    return "no reason given"
