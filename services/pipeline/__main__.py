"""The steps' command line. What a step has found goes into files, one an output parameter; why it
failed goes to where Kubernetes looks for it, so that the workflow's message says it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from cxlib.errors import CxError
from services.pipeline import image, model, promotion, registry
from services.pipeline.admission import Order
from services.pipeline.cluster import from_pod
from services.pipeline.deploy import deploy
from services.pipeline.evaluate import evaluate
from services.pipeline.pace import Pace
from services.pipeline.target import ENVIRONMENTS, SOURCES, tag_of, wanted
from services.pipeline.train import train
from services.pipeline.world import World

_MESSAGE_BYTES = 3000  # Kubernetes cuts at 4096


def _train(args: argparse.Namespace) -> dict[str, str]:
    within = args.within
    return {"run-id": train(args.trainer, args.mlflow, args.model_name, args.data_source, within=within)}


def _evaluate(args: argparse.Namespace) -> dict[str, str]:
    found = evaluate(args.evaluator, args.run_id, within=args.within)
    accuracy = "" if found.accuracy is None else f"{found.accuracy:.4f}"
    return {"model-version": found.version, "accuracy": accuracy}


def _source(args: argparse.Namespace) -> image.Source:
    return image.Source(args.git_url, args.revision, args.base_image)


def _build(args: argparse.Namespace) -> dict[str, str]:
    tag = f"staging-1.0.{args.model_version}"
    with tempfile.TemporaryDirectory(dir=args.work) as name:
        work = Path(name)
        folder = model.download(args.mlflow, args.model_version, work / "download")
        digest = image.build(_source(args), args.registry, tag, folder, args.model_version, work)
    return {"digest": digest, "tag": tag}


def _build_initial(args: argparse.Namespace) -> dict[str, str]:
    first, *others = [tag_of(environment, "0") for environment in ENVIRONMENTS]
    with tempfile.TemporaryDirectory(dir=args.work) as name:
        digest = image.build(_source(args), args.registry, first, None, "0", Path(name))
        for tag in others:
            registry.point(args.registry, image.REPOSITORY, tag, digest)
    return {"digest": digest}


def _deploy(args: argparse.Namespace) -> dict[str, str]:
    to = wanted(args.registry, args.environment, args.model_version)
    pace = Pace(rollout=args.within)
    deploy(to, from_pod(), _places(args)[args.environment], args.mlflow, pace)
    return {"digest": to.digest, "tag": to.tag}


def _promote(args: argparse.Namespace) -> dict[str, str]:
    order = Order(
        args.workflow, args.uid, args.target, args.source, args.model_version, args.image_digest,
        datetime.fromisoformat(args.submitted),
    )  # fmt: skip
    return asdict(promotion.run(order, _world(args)))


def _rollback(args: argparse.Namespace) -> dict[str, str]:
    source = SOURCES.get(args.target, "")
    order = Order(
        args.workflow, args.uid, args.target, source, args.model_version, args.image_digest, rollback=True
    )
    return asdict(promotion.run(order, _world(args)))


def _settle(args: argparse.Namespace) -> dict[str, str]:
    return {"outcome": promotion.settle(args.uid, args.target, args.status, _world(args))}


def _world(args: argparse.Namespace) -> World:
    pace = Pace(rollout=args.within)
    return World(from_pod(), args.registry, args.mlflow, _places(args), args.question, pace)


def _places(args: argparse.Namespace) -> dict[str, str]:
    return dict(place.split("=", 1) for place in args.serves)


def parser() -> argparse.ArgumentParser:
    """Every step's arguments. Hosts are ``host`` or ``host:port``; times are in seconds."""
    top = argparse.ArgumentParser(prog="python -m services.pipeline")
    verbs = top.add_subparsers(required=True)

    def verb(name: str, work: object, *required: str, within: float | None = None) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name)
        sub.set_defaults(work_of_step=work)
        sub.add_argument("--out", type=Path, required=True, help="folder for the output parameters")
        for argument in required:
            sub.add_argument(f"--{argument}", required=True)
        if within is not None:
            sub.add_argument("--within", type=float, default=within)
        return sub

    verb("train", _train, "trainer", "mlflow", "model-name", "data-source", within=1800)
    verb("evaluate", _evaluate, "evaluator", "run-id", within=300)
    verb("build", _build, "model-version", "mlflow", "git-url", "revision", "base-image", "registry", "work")
    verb("build-initial", _build_initial, "git-url", "revision", "base-image", "registry", "work")
    deployed = ("model-version", "registry", "mlflow")
    serving = [verb("deploy", _deploy, "environment", *deployed, within=300)]
    whose = ("workflow", "uid", "target", "registry", "mlflow", "question")
    serving.append(verb("promote", _promote, *whose, "source", "model-version", "submitted", within=240))
    serving.append(verb("rollback", _rollback, *whose, "model-version", within=240))
    for promoting in serving[1:]:
        promoting.add_argument("--image-digest", default="")
    serving.append(verb("settle", _settle, *whose, "status", within=240))
    for sub in serving:
        sub.add_argument("--serves", action="append", required=True, metavar="ENVIRONMENT=URL")
    return top


def main(argv: list[str]) -> int:
    """0, or the error's own exit code."""
    args = parser().parse_args(argv)
    try:
        outputs = args.work_of_step(args)
    except CxError as exc:
        _tell(str(exc))
        return exc.exit_code
    args.out.mkdir(parents=True, exist_ok=True)
    for name, value in outputs.items():
        (args.out / name).write_text(value)
        sys.stdout.write(f"{name}: {value}\n")
    return 0


def _tell(why: str) -> None:
    sys.stderr.write(f"{why}\n")
    message = Path(os.environ.get("TERMINATION_MESSAGE", "/dev/termination-log"))
    if message.is_file():
        message.write_bytes(why.encode()[:_MESSAGE_BYTES])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
