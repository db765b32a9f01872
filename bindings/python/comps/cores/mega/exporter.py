"""Turns a description of services (mega.yaml) into a Docker Compose file or Kubernetes manifests.

Manifests are plain dictionaries in the shape of the Kubernetes API: no client library is needed to write YAML.
"""

import logging
import os
import re
from typing import Any, Dict, List, Optional, Tuple

import yaml

logger = logging.getLogger(__name__)

_NODE_SELECTOR = {"node-type": "opea"}
_ANNOTATIONS = {"sidecar.istio.io/rewriteAppHTTPProbers": "true"}
_CONFIG_MAP = "qna-config"
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def replace_env_vars(data: Any) -> Any:
    """The data with each ${NAME} in its strings replaced by that environment variable; "" when it is not set."""
    if isinstance(data, dict):
        return {key: replace_env_vars(value) for key, value in data.items()}
    if isinstance(data, list):
        return [replace_env_vars(value) for value in data]
    if isinstance(data, str):
        return _VARIABLE.sub(lambda match: os.getenv(match[1], ""), data)
    return data


def _without_nothing(data: Any) -> Any:
    """The data without what is None: the Kubernetes API takes an absent field and null for different things."""
    if isinstance(data, dict):
        return {key: _without_nothing(value) for key, value in data.items() if value is not None}
    if isinstance(data, list):
        return [_without_nothing(value) for value in data]
    return data


def _load(path: str) -> Dict:
    with open(path, encoding="utf-8") as file:
        return replace_env_vars(yaml.safe_load(file))


# ---- Docker Compose ----


def convert_args_to_command(args: List[Any]) -> str:
    """[{"--model-id": "m"}, "--auto-truncate"] as one command line."""
    parts = []
    for arg in args:
        if isinstance(arg, dict):
            parts += [f"{key} {value}" for key, value in arg.items()]
        else:
            parts.append(str(arg).replace(":", " "))
    return " ".join(parts)


def convert_resources(resources: Dict[str, Any]) -> Dict[str, Any]:
    """cpu and memory in Compose's words. Accelerators are given by `options` (runtime)."""
    words = {"cpu": "cpus", "memory": "memory"}
    return {words[key]: value for key, value in resources.items() if key in words}


def extract_options(options: List[Any]) -> Dict[str, Any]:
    """A service's options as one dict; cap_add is a list."""
    extracted: Dict[str, Any] = {}
    for option in options:
        if isinstance(option, dict):
            extracted.update(option)
    if isinstance(extracted.get("cap_add"), str):
        extracted["cap_add"] = [extracted["cap_add"]]
    return extracted


def _environment(service: Dict) -> Dict[str, Any]:
    environment: Dict[str, Any] = {}
    for entry in service.get("envs", []):
        pairs: Any = [entry] if isinstance(entry, list) else entry
        environment.update(pairs)
    return environment


def build_docker_compose(input_data: Dict) -> Dict:
    """The Compose file of all services."""
    services = {}
    for service in input_data.get("micro_services", []) + input_data.get("mega_service", []):
        config: Dict[str, Any] = {
            "image": service["image"],
            "ports": service.get("ports", []),
            "volumes": service.get("volumes", []),
            "environment": {**input_data.get("global_envs", {}), **_environment(service)},
        }
        if "dependencies" in service:
            config["depends_on"] = service["dependencies"]
        deploy: Dict[str, Any] = {}
        if "replicas" in service:
            deploy["replicas"] = service["replicas"]
        if limits := convert_resources(service.get("resources", {})):
            deploy["resources"] = {"limits": limits}
        if deploy:
            config["deploy"] = deploy
        config.update(extract_options(service.get("options", [])))
        if "args" in service:
            config["command"] = convert_args_to_command(service["args"])
        services[service["service_name"]] = config
    return {"version": "3.8", "services": services}


def convert_to_docker_compose(input_yaml_path: str, output_file: str) -> None:
    """Writes the Compose file of a mega.yaml."""
    compose = build_docker_compose(_load(input_yaml_path))
    with open(output_file, "w", encoding="utf-8") as file:
        yaml.dump(compose, file, default_flow_style=False)
    logger.info("Docker Compose file generated: %s", output_file)


# ---- Kubernetes ----


def create_k8s_resources(
    name: str,
    image: Optional[str],
    container_ports: List[int],
    node_selector: Optional[Dict[str, str]] = None,
    container_name: Optional[str] = None,
    namespace: str = "default",
    replicas: int = 1,
    app_label: Optional[str] = None,
    topology_spread_constraints: Optional[List[Dict]] = None,
    args: Optional[List[str]] = None,
    env: Optional[List[Dict]] = None,
    env_from: Optional[List[Dict]] = None,
    resources: Optional[Dict] = None,
    volumes: Optional[List[Dict]] = None,
    volume_mounts: Optional[List[Dict]] = None,
    annotations: Optional[Dict[str, str]] = None,
    security_context: Optional[Dict] = None,
    host_ipc: bool = True,
    image_pull_policy: str = "IfNotPresent",
) -> Dict:
    """A Deployment."""
    label = app_label or name
    spread = topology_spread_constraints or [
        {
            "labelSelector": {"matchLabels": {"app": label}},
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
        }
    ]
    container = {
        "name": container_name or name,
        "image": image,
        "imagePullPolicy": image_pull_policy,
        "args": args,
        "ports": [{"containerPort": port} for port in container_ports],
        "envFrom": env_from or [{"configMapRef": {"name": _CONFIG_MAP}}],
        "env": env,
        "resources": resources,
        "volumeMounts": volume_mounts,
        "securityContext": security_context,
    }
    pod = {
        "nodeSelector": node_selector or _NODE_SELECTOR,
        "topologySpreadConstraints": spread,
        "hostIPC": host_ipc,
        "serviceAccountName": "default",
        "containers": [container],
        "volumes": volumes,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": label}},
            "template": {
                "metadata": {"annotations": annotations or _ANNOTATIONS, "labels": {"app": label}},
                "spec": pod,
            },
        },
    }


def create_resource_requirements(limits: Optional[Dict] = None, requests: Optional[Dict] = None) -> Dict:
    """What a container may use and what it is promised, e.g. {"cpu": "4", "memory": "8Gi"}."""
    return {"limits": limits, "requests": requests}


def create_configmap_object(config_dict: Optional[Dict[str, str]] = None, config_name: str = _CONFIG_MAP) -> Dict:
    """A ConfigMap; without settings those of a ChatQnA."""
    data = config_dict
    if data is None:
        svc = "default.svc.cluster.local"
        data = {
            "EMBEDDING_MODEL_ID": "BAAI/bge-base-en-v1.5",
            "RERANK_MODEL_ID": "BAAI/bge-reranker-base",
            "LLM_MODEL_ID": "Intel/neural-chat-7b-v3-3",
            "TEI_EMBEDDING_ENDPOINT": f"http://embedding-dependency-svc.{svc}:6006",
            "TEI_ENDPOINT": f"http://embedding-dependency-svc.{svc}:6006",
            "INDEX_NAME": "rag-redis",
            "REDIS_URL": f"redis://vector-db.{svc}:6379",
            "TEI_RERANKING_ENDPOINT": f"http://reranking-dependency-svc.{svc}:8808",
            "TGI_LLM_ENDPOINT": f"http://llm-dependency-svc.{svc}:9009",
            "HF_TOKEN": os.environ.get("HF_TOKEN") or os.environ.get("HUGGINGFACEHUB_API_TOKEN", ""),
            "EMBEDDING_SERVICE_HOST_IP": "embedding-svc",
            "RETRIEVER_SERVICE_HOST_IP": "retriever-svc",
            "RERANK_SERVICE_HOST_IP": "reranking-svc",
            "NODE_SELECTOR": "chatqna-opea",
            "LLM_SERVICE_HOST_IP": "llm-svc",
        }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": config_name, "namespace": "default"},
        "data": data,
    }


def create_service(
    name: str, app_label: str, service_ports: List[Dict], namespace: str = "default", service_type: str = "ClusterIP"
) -> Dict:
    """A Service. Ports: {"name", "port", "target_port", "nodePort"}."""
    ports = [
        {
            "name": port.get("name"),
            "port": port.get("port"),
            "targetPort": port.get("target_port"),
            "nodePort": port.get("nodePort"),
        }
        for port in service_ports
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": service_type, "selector": {"app": app_label}, "ports": ports},
    }


def kubernetes_obj_to_dict(k8s_obj: Any) -> Dict:
    """The object as it is written: a manifest of ours, or one of the Kubernetes client's."""
    if isinstance(k8s_obj, dict):
        return _without_nothing(k8s_obj)
    from kubernetes import client

    return client.ApiClient().sanitize_for_serialization(k8s_obj)


def save_to_yaml(manifests_list: List[Any], file_name: str) -> None:
    """Appends manifests to a file, each with a `---` after it."""
    with open(file_name, "a", encoding="utf-8") as file:
        for manifest in manifests_list:
            yaml.dump(kubernetes_obj_to_dict(manifest), file, default_flow_style=False)
            file.write("---\n")


def _resource_requirements(resources: Dict[str, Any]) -> Optional[Dict]:
    promised = {key: resources[key] for key in ("cpu", "memory") if resources.get(key)}
    if resources.get("hpu"):
        return {"limits": {**promised, "habana.ai/gaudi": resources["hpu"]}}
    return {"requests": promised} if promised else None


def _arguments(args: List[Any]) -> List[str]:
    words: List[str] = []
    for arg in args:
        words += [str(word) for pair in arg.items() for word in pair] if isinstance(arg, dict) else [arg]
    return words


def extract_service_configs(input_data: Dict) -> Dict:
    """What each service needs of Kubernetes, by name; under `config_map` the environment of all."""
    configs: Dict[str, Any] = {"config_map": dict(input_data.get("global_envs", {}))}
    for kind in ("mega_service", "micro_service"):
        services = input_data.get("mega_service" if kind == "mega_service" else "micro_services", [])
        for service in services:
            config = {name: service.get(name) for name in ("image", "ports", "volumes", "node_ports")}
            config["type"] = kind
            config["replicas"] = service.get("replicas", 1)
            if "envs" in service:
                config["envs"] = {key: str(value) for key, value in _environment(service).items()}
                configs["config_map"].update(config["envs"])
            if requirements := _resource_requirements(service.get("resources", {})):
                config["resources"] = requirements
            config.update(extract_options(service.get("options", [])))
            if "args" in service:
                config["args"] = _arguments(service["args"])
            configs[service["service_name"]] = config
    return configs


def create_deployment_and_service(
    service_name: str,
    ports: List[Dict],
    replicas: int = 1,
    volume_mounts: Optional[List[Dict]] = None,
    volumes: Optional[List[Dict]] = None,
    args_list: Optional[List[str]] = None,
    resource_requirements: Optional[Dict] = None,
    image_name: Optional[str] = None,
    service_type: str = "ClusterIP",
    args: Optional[List[str]] = None,
) -> Tuple[Dict, Dict]:
    """A Deployment named `<service>-deploy` and the Service in front of it."""
    deployment_name = f"{service_name}-deploy"
    deployment = create_k8s_resources(
        name=deployment_name,
        image=image_name,
        container_ports=sorted({port["target_port"] for port in ports}, reverse=True),  # As OPEA's own files have them.
        replicas=replicas,
        args=args_list if args_list is not None else args,
        volumes=volumes,
        volume_mounts=volume_mounts,
        resources=resource_requirements,
    )
    service = create_service(service_name, deployment_name, ports, service_type=service_type)
    return deployment, service


def _volumes(paths: List[str]) -> Tuple[List[Dict], List[Dict]]:
    """Volumes of the machine's folders ("/mnt/models:/data"), and where they are mounted; shared memory comes last."""
    volumes: List[Dict] = []
    mounts: List[Dict] = []
    for number, pair in enumerate(paths, 1):
        here, there = pair.split(":")[:2]
        volumes.append({"name": f"volume{number}", "hostPath": {"path": here, "type": "Directory"}})
        mounts.append({"name": f"volume{number}", "mountPath": there})
    volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}})
    mounts.append({"name": "shm", "mountPath": "/dev/shm"})
    return volumes, mounts


def _port_numbers(ports: List[str], node_ports: Optional[List[str]]) -> List[Dict]:
    numbers = []
    for index, pair in enumerate(ports):
        outside, inside = pair.split(":")
        port = {"name": f"port{index + 1}", "port": int(outside), "target_port": int(inside)}
        if node_ports and index < len(node_ports):
            port["nodePort"] = int(node_ports[index])
        numbers.append(port)
    return numbers


def build_configmap(all_configs: Dict, output_file: str = "E2E_manifest.yaml") -> None:
    """Appends the ConfigMap."""
    save_to_yaml([create_configmap_object(all_configs.get("config_map"))], output_file)


def build_deployment_and_service(all_configs: Dict, output_file: str = "E2E_manifest.yaml") -> None:
    """Appends a Deployment and a Service for each service."""
    for name, config in all_configs.items():
        if name == "config_map":
            continue
        volumes, mounts = _volumes(config["volumes"]) if config.get("volumes") else (None, None)
        requirements = config.get("resources")
        manifests = create_deployment_and_service(
            service_name=name,
            ports=_port_numbers(config.get("ports") or [], config.get("node_ports")),
            replicas=config.get("replicas", 1),
            volumes=volumes,
            volume_mounts=mounts,
            args_list=config.get("args"),
            resource_requirements=create_resource_requirements(**requirements) if requirements else None,
            image_name=config.get("image"),
            service_type="NodePort" if config.get("type") == "mega_service" else "ClusterIP",
        )
        save_to_yaml(list(manifests), output_file)


def convert_to_deployment_and_service(input_yaml_path: str, output_file: str) -> None:
    """Appends the Deployments and Services of a mega.yaml to a file."""
    build_deployment_and_service(extract_service_configs(_load(input_yaml_path)), output_file)
    logger.info("%s generated", output_file)


def convert_to_manifests(input_yaml_path: str, output_file: str) -> None:
    """Appends the ConfigMap, the Deployments and the Services of a mega.yaml to a file."""
    configs = extract_service_configs(_load(input_yaml_path))
    build_configmap(configs, output_file)
    build_deployment_and_service(configs, output_file)
    logger.info("%s generated", output_file)
