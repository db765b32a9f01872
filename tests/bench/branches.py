#!/usr/bin/env python3
"""A flow of many steps side by side that one joins: ours, and OPEA's core (opea-comps) as the peer, over the same services.

    branches.py flow --services HOST:PORT [--branches 64] > flow.yaml       # for opaline up, served at /v1/branches
    branches.py peer --services HOST:PORT [--branches 64] [--port 8890]     # the same, in a Python that has opea-comps
    chatqna.py ours=http://…/v1/branches@PID peer=http://…/v1/branches@PID  # measures both

The services are those of streams/ (-serve) or any that answer POST /v1/retrieval with JSON.
"""
import argparse
import json


def flow(options):
    steps = {f"b{i}": {"uses": "search"} for i in range(options.branches)}
    steps["join"] = {"needs": list(steps), "uses": "search", "merge": "first"}
    print(json.dumps({"flow": "branches", "port": options.port, "services": {
        "search": {"kind": "custom", "url": f"http://{options.services}/v1/retrieval"}}, "steps": steps}, indent=2))


def peer(options):
    from comps import MicroService, ServiceOrchestrator, ServiceRoleType, ServiceType
    from fastapi import Request

    host, port = options.services.split(":")
    megaservice = ServiceOrchestrator()

    def service(name):
        return MicroService(name=name, host=host, port=int(port), endpoint="/v1/retrieval", use_remote_service=True,
                            service_type=ServiceType.RETRIEVER)

    branches = [service(f"b{i}") for i in range(options.branches)]
    last = service("join")
    for one in [*branches, last]:
        megaservice.add(one)
    for one in branches:
        megaservice.flow_to(one, last)

    async def answer(request: Request):
        results, graph = await megaservice.schedule(initial_inputs=await request.json())
        return results[graph.all_leaves()[-1]]

    server = MicroService("branches", service_role=ServiceRoleType.MEGASERVICE, host="127.0.0.1", port=options.port,
                          endpoint="/v1/branches")
    server.add_route("/v1/branches", answer, methods=["POST"])
    server.start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["flow", "peer"])
    parser.add_argument("--services", default="127.0.0.1:6900")
    parser.add_argument("--branches", type=int, default=64)
    parser.add_argument("--port", type=int, default=8890)
    options = parser.parse_args()
    {"flow": flow, "peer": peer}[options.what](options)


if __name__ == "__main__":
    main()
