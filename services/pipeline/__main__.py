"""The steps' command line. What a step has found goes into files, one an output parameter; why it
failed goes to where Kubernetes looks for it, so that the workflow's message says it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from cxlib.errors import CxError
from services.pipeline import deploy, image, model
from services.pipeline.cluster import from_pod
from services.pipeline.evaluate import evaluate
from services.pipeline.train import train

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
    first, *others = [f"{environment}-1.0.0" for environment in deploy.ENVIRONMENTS]
    with tempfile.TemporaryDirectory(dir=args.work) as name:
        digest = image.build(_source(args), args.registry, first, None, "0", Path(name))
        for tag in others:
            image.retag(args.registry, first, digest, tag)
    return {"digest": digest}


def _deploy(args: argparse.Namespace) -> dict[str, str]:
    to = deploy.wanted(args.registry, args.environment, args.model_version)
    places = dict(place.split("=", 1) for place in args.serves)
    deploy.deploy(to, from_pod(), places[args.environment], args.mlflow, within=args.within)
    return {"digest": to.digest, "tag": to.tag}


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
    last = verb("deploy", _deploy, "environment", "model-version", "registry", "mlflow", within=300)
    last.add_argument("--serves", action="append", required=True, metavar="ENVIRONMENT=URL")
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
