"""A megaservice that a YAML file describes."""

import re
import time
from typing import Any, Dict, List, Optional, Tuple

import yaml

from comps import _core
from comps._hooked_run import StepCall, failure_of
from comps._loop import letter

from .dag import DAG

_GROUP = re.compile(r"\((.*)\)", re.DOTALL)


class ServiceOrchestratorWithYaml(DAG):
    """Steps of `opea_micro_services`, at their endpoints, in the order of `opea_mega_service.mega_flow`:

    ["(s1, s2) >> s3", "s3 >> (s4, s5)"]

    Without mega_flow all steps are independent. Raises Exception("Invalid mega graph!") for a flow with a cycle.
    """

    #: Seconds that each step may take.
    step_time: float = 2000.0

    def __init__(self, yaml_file_path: str):
        super().__init__()
        self.yaml_file_path = yaml_file_path
        self.result_dict: Dict[str, Any] = {}
        with open(yaml_file_path, encoding="utf-8") as file:
            self.docs = yaml.safe_load(file)
        if not self._build():
            self.reset_graph()
            raise Exception("Invalid mega graph!")

    def _build(self) -> bool:
        rules = self.docs["opea_mega_service"].get("mega_flow")
        if rules is None:
            for node in self.docs["opea_micro_services"]:
                self.add_node_if_not_exists(node)
            return True
        try:
            for rule in rules:
                groups = [_names(group) for group in rule.split(">>")]
                for node in (name for group in groups for name in group):
                    self.add_node_if_not_exists(node)
                for before, after in zip(groups, groups[1:]):
                    for one in before:
                        for next_one in after:
                            self.add_edge(one, next_one)
        except Exception:  # What DAG.add_edge raises for a cycle.
            return False
        return self.size() > 0

    def process_outputs(self, prev_nodes: List[str]) -> Dict:
        """The outputs of several steps as one dict."""
        merged: Dict[str, Any] = {}
        for node in prev_nodes:
            merged.update(self.result_dict[node])
        return merged

    def get_all_final_outputs(self) -> Dict[str, Any]:
        """The outputs of the steps that nothing follows."""
        return {leaf: self.result_dict[leaf] for leaf in self.all_leaves()}

    def _url(self, node: str) -> str:
        return self.docs["opea_micro_services"][node]["endpoint"]

    def execute(self, cur_node: str, inputs: Dict) -> Any:
        """Asks one step and waits. Raises StepError."""
        answer = _core.post(self._url(cur_node), inputs, step_time=self.step_time)
        if isinstance(answer, _core.Failure):
            raise failure_of(answer, cur_node)
        return answer.json()

    async def schedule(self, initial_inputs: Dict) -> Dict[str, Any]:
        """Sends a request through the graph; independent steps run side by side. Raises StepError."""
        steps: List[Tuple[str, str, Optional[str], bool]] = [
            (node, self._url(node), None, False) for node in self.topological_sort()
        ]
        answer = await letter(
            lambda mailbox, deliver: mailbox.run(
                self,
                steps,
                initial_inputs,
                {},
                False,
                time.monotonic(),
                deliver,
                **StepCall.of(self.step_time).as_arguments(),
            )
        )
        if isinstance(answer, _core.Failure):
            raise failure_of(answer)
        self.result_dict = dict(answer[0])
        return self.result_dict


def _names(group: str) -> List[str]:
    group = group.strip()
    match = _GROUP.fullmatch(group)
    return [name.strip() for name in match[1].split(",")] if match else [group]
