"""Images built for real into a store and a mirror of the test's own: when, and what follows from what."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cxlib.clients import process
from cxlib.stage import toolchain
from tests.stage.checkout import SUPPLY, Checkout

IMAGES = """
[image.ground]
containerfile = "images/ground/Containerfile"
files = ["images/ground"]
mirrored = false

[image.house]
containerfile = "images/house.Containerfile"
from = "ground"
files = ["src"]
tags = ["v1"]

[image.shed]
containerfile = "images/shed.Containerfile"
"""
KEYS = "images.keys()"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout with three images of a file each; its container store is its own."""
    made = Checkout(tmp_path)
    made.write(f"{SUPPLY}/images.toml", IMAGES)
    made.write("images/ground/Containerfile", "FROM scratch\nCOPY images/ground/floor /floor\n")
    made.write("images/ground/floor", "stone")
    made.write("images/house.Containerfile", "ARG BASE\nFROM ${BASE}\nCOPY src /src\n")
    made.write("images/shed.Containerfile", "FROM scratch\nCOPY images/shed.Containerfile /\n")
    made.write("src/app.py", "print(1)\n")
    lend_registry(made)
    store = tmp_path / "store"
    storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{store}/graph"\nrunroot = "{store}/run"\n'
    made.env["CONTAINERS_STORAGE_CONF"] = str(made.write("storage.conf", storage))
    return made


def lend_registry(made: Checkout) -> None:
    """The registry of this machine's toolchain, pinned as it is there, so that nothing is compiled."""
    modules = toolchain.SUPPLY / "modules" / "registry"
    shutil.copytree(modules, made.root / SUPPLY / "modules" / "registry")
    real = toolchain.modules()["registry"]
    (binary, package), *_ = real.programs.items()
    text = f'[module.registry]\nminutes = 1\n[module.registry.programs]\n{binary} = "{package}"\n'
    made.write(f"{SUPPLY}/toolchain.toml", text)
    (made.cache / "toolchain").mkdir(parents=True)
    folder = toolchain.folder("registry")
    (made.cache / "toolchain" / folder.name).symlink_to(folder)


def keys(checkout: Checkout) -> dict[str, str]:
    return dict(checkout.answer("images", KEYS))


def ensure(checkout: Checkout) -> list[str]:
    return list(checkout.answer("images", "images.ensure()"))


def prune(checkout: Checkout) -> dict[str, list[str]]:
    return dict(checkout.answer("images", "dataclasses.asdict(images.prune())", "import dataclasses"))


def podman(checkout: Checkout, *argv: str) -> str:
    """What podman says of the test's own store."""
    done = process.run(["podman", *argv], timeout=60, env=os.environ | checkout.env)
    return done.stdout.strip()


def empty_store(checkout: Checkout) -> None:
    """As a person's clean-up does it; by name, so that it could hit no other store's images."""
    env = os.environ | checkout.env
    listed = process.run(["buildah", "images", "--format", "{{.Name}}:{{.Tag}}"], timeout=60, env=env)
    names = [name for name in listed.stdout.split() if "/ground:" in name or "/house:" in name]
    process.run(["buildah", "rmi", "--force", *names], timeout=60, env=env)


def tags(checkout: Checkout) -> set[str]:
    """``name:tag`` of all that the mirror has."""
    found = (checkout.cache / "images" / "mirror").rglob("_manifests/tags/*")
    return {f"{path.parents[2].name}:{path.name}" for path in found}


def test_key_follows_every_file_and_flows_into_what_stands_on_it(checkout: Checkout) -> None:
    """A node must never run yesterday's base under today's name."""
    before = keys(checkout)
    checkout.write("images/ground/floor", "wood")
    floor = keys(checkout)
    assert {n for n in before if before[n] != floor[n]} == {"ground", "house"}
    checkout.write("src/app.py", "print(2)\n")
    app = keys(checkout)
    assert {n for n in before if floor[n] != app[n]} == {"house"}
    (checkout.root / "src" / "app.py").chmod(0o755)
    checkout.write("src/__pycache__/app.pyc", "what Python leaves behind")
    executable = keys(checkout)
    assert {n for n in before if app[n] != executable[n]} == {"house"}
    checkout.write("src/__pycache__/app.pyc", "something else")
    checkout.write("README.md", "not in any image")
    assert keys(checkout) == executable


def test_unknown_base_and_missing_file_name_the_line_to_mend(checkout: Checkout) -> None:
    """A slip in images.toml costs seconds, not a build."""
    checkout.write(f"{SUPPLY}/images.toml", IMAGES.replace('from = "ground"', 'from = "grund"'))
    done = checkout.run(f"from cxlib.stage import images\n{KEYS}", expect=(1,))
    assert "ConfigError" in done.stderr
    assert "image.house.from: no image 'grund'" in done.stderr
    checkout.write(f"{SUPPLY}/images.toml", IMAGES.replace('files = ["src"]', 'files = ["scr"]'))
    done = checkout.run(f"from cxlib.stage import images\n{KEYS}", expect=(1,))
    assert "images.toml: scr: no such file" in done.stderr


def test_images_are_built_once_and_again_only_with_what_changed(checkout: Checkout) -> None:
    """Bases first; what nodes pull is in the mirror under its key and the names that others expect."""
    built = ensure(checkout)
    assert sorted(built) == ["ground", "house", "shed"]
    assert built.index("ground") < built.index("house")
    first = keys(checkout)
    assert tags(checkout) == {f"house:{first['house']}", "house:v1", f"shed:{first['shed']}"}
    assert ensure(checkout) == []
    checkout.write("src/app.py", "print(2)\n")
    assert ensure(checkout) == ["house"]
    second = keys(checkout)
    assert f"house:{second['house']}" in tags(checkout)
    gone = prune(checkout)["gone"]
    assert f"house:{first['house']}" in gone
    assert tags(checkout) == {f"house:{second['house']}", "house:v1", f"shed:{second['shed']}"}


def test_images_of_a_standing_site_stay_and_go_with_it(checkout: Checkout) -> None:
    """Taken away by force, the machines of a site that runs went with the image that they are made of."""
    ensure(checkout)
    first = keys(checkout)
    base = f"localhost/cx/ground:{first['ground']}"
    podman(checkout, "create", "--network", "none", "--name", "cx-moon-node1", base, "/init")
    checkout.write("images/ground/floor", "wood")
    assert ensure(checkout) == ["ground", "house"]
    before = tags(checkout)
    done = prune(checkout)
    assert podman(checkout, "ps", "--all", "--format", "{{.Names}}") == "cx-moon-node1"
    assert done["gone"] == [f"localhost/cx/house:{first['house']}"]
    assert done["kept"][0] == f"{base}: in use"
    assert "the mirror's images: in use by a site (cx-moon-node1)" in done["kept"][1]
    assert tags(checkout) == before, "pods of the site name them"
    checkout.write("images/ground/floor", "stone")
    assert ensure(checkout) == [], "what the mirror kept is still known to be there"
    checkout.write("images/ground/floor", "wood")
    podman(checkout, "rm", "cx-moon-node1")
    done = prune(checkout)
    assert set(done["gone"]) == {base, f"house:{first['house']}"}
    assert done["kept"] == []


def test_clean_up_of_a_cache_without_images_or_registry_says_what_it_kept(checkout: Checkout) -> None:
    """The registry that cleans the mirror up may be one that isn't built yet, or not any more."""
    assert prune(checkout) == {"gone": [], "kept": []}
    ensure(checkout)
    (registry,) = (checkout.cache / "toolchain").glob("registry-*")
    registry.unlink()
    before = tags(checkout)
    (kept,) = prune(checkout)["kept"]
    assert "registry isn't built yet" in kept
    assert tags(checkout) == before


def test_nothing_is_dropped_while_images_are_built(checkout: Checkout) -> None:
    """The mirror's clean-up takes away what is being pushed."""
    ensure(checkout)
    checkout.write("src/app.py", "print(2)\n")
    told = checkout.run(
        "from cxlib.stage import cache, images\nfrom cxlib import settings\n"
        "with cache.locked(settings.cache_root() / 'images' / 'build'): print(images.prune())"
    )
    assert "Pruned(gone=(), kept=('images: some are being built',))" in told.stdout


def test_what_left_the_store_is_built_again_when_it_is_needed(checkout: Checkout) -> None:
    """People clean their container store, and machines that only pull don't need it filled."""
    ensure(checkout)
    empty_store(checkout)
    assert ensure(checkout) == ["ground"], "this machine runs it; the others are in the mirror"
    empty_store(checkout)
    checkout.write("src/app.py", "print(2)\n")
    assert ensure(checkout) == ["ground", "house"]


def test_new_tag_is_pushed_without_a_build(checkout: Checkout) -> None:
    """A tag is a name, not a part of the image."""
    ensure(checkout)
    built = keys(checkout)
    checkout.write(f"{SUPPLY}/images.toml", IMAGES.replace('["v1"]', '["v1", "v2"]'))
    assert ensure(checkout) == ["house"]
    assert keys(checkout) == built
    assert "house:v2" in tags(checkout)


def test_failed_build_leaves_no_mark_and_says_why(checkout: Checkout) -> None:
    """Otherwise the next run would take it for built."""
    checkout.write("images/house.Containerfile", "ARG BASE\nFROM ${BASE}\nCOPY nowhere /\n")
    done = checkout.run("from cxlib.stage import images\nimages.ensure()", expect=(1,))
    assert "nowhere" in done.stderr
    assert "house.log" in done.stderr
    assert not list((checkout.cache / "images").glob("house-*.json"))
    assert not [tag for tag in tags(checkout) if tag.startswith("house")]
