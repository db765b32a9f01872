"""The command `opea`."""

import argparse
import sys
from pathlib import Path
from typing import List, Optional

from .exporter import convert_to_docker_compose, convert_to_manifests


def export_docker_compose(mega_yaml: str, output_file: str) -> None:
    """Writes the Docker Compose file of a mega.yaml."""
    convert_to_docker_compose(mega_yaml, output_file)
    print(f"Docker Compose file generated: {output_file}")


def export_kubernetes_manifests(mega_yaml: str, output: str, device: str = "cpu") -> None:
    """Writes the manifests of a mega.yaml into a file, or into manifests.yaml of a folder."""
    path = Path(output)
    if path.is_dir() or not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        path = path / "manifests.yaml"
    path.unlink(missing_ok=True)
    convert_to_manifests(mega_yaml, str(path))
    print(f"Kubernetes manifests generated: {path}")


def opea_execute(arguments: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="opea", description="Turns a mega.yaml into what deploys it.")
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write deployment files")
    kinds = export.add_subparsers(dest="kind", required=True)
    compose = kinds.add_parser("docker-compose", help="a Docker Compose file")
    compose.add_argument("mega_yaml")
    compose.add_argument("output_file")
    kubernetes = kinds.add_parser("kubernetes", help="Kubernetes manifests")
    kubernetes.add_argument("mega_yaml")
    kubernetes.add_argument("output_dir", help="a folder, or a file that ends in .yaml")
    kubernetes.add_argument("--device", choices=["cpu", "gaudi", "xpu", "gpu"], default="cpu")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.kind == "docker-compose":
            export_docker_compose(chosen.mega_yaml, chosen.output_file)
        else:
            export_kubernetes_manifests(chosen.mega_yaml, chosen.output_dir, chosen.device)
    except (OSError, KeyError, ValueError) as error:
        print(f"opea: {error!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(opea_execute())
