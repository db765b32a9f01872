"""The package ships py.typed: what it says of its own types is whole, and what it says of the core is so."""

import ast
import re
from pathlib import Path
from types import ModuleType
from typing import Iterator

import pytest
from fastapi import FastAPI

import comps
from comps import ServiceOrchestrator, _core

PACKAGE = Path(comps.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def is_public(name: str) -> bool:
    return not name.startswith("_") or name.startswith("__")


def public_functions(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, Function]]:
    """The functions of a module and the methods of its classes, by name; not what functions have inside."""
    for one in body:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_public(one.name):
            yield owner + one.name, one
        elif isinstance(one, ast.ClassDef) and is_public(one.name):
            yield from public_functions(one.body, f"{owner}{one.name}.")


def without_annotation(function: Function, is_method: bool) -> list[str]:
    """The parameters that have no type, and "return". __init__ returns nothing, and need not say so."""
    named = [*function.args.posonlyargs, *function.args.args]
    static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)
    if is_method and not static:
        named = named[1:]
    more = [one for one in (function.args.vararg, function.args.kwarg) if one is not None]
    lacking = [one.arg for one in [*named, *function.args.kwonlyargs, *more] if one.annotation is None]
    return lacking + (["return"] if function.returns is None and function.name != "__init__" else [])


@pytest.mark.parametrize("module", MODULES)
def test_each_public_function_says_its_types(module):
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    found = {
        f"{name} (line {function.lineno})": lacking
        for name, function in public_functions(tree.body)
        if (lacking := without_annotation(function, is_method="." in name))
    }
    assert found == {}


def test_type_checkers_know_what_comps_offers():
    offered = {name for name, value in vars(comps).items() if not name.startswith("_") and not isinstance(value, ModuleType)}
    assert set(comps.__all__) == offered
    written = next(one.value for one in ast.parse((PACKAGE / "__init__.py").read_text()).body if isinstance(one, ast.Assign))
    assert ast.literal_eval(written) == comps.__all__


def test_a_megaservice_s_answers_are_not_read_by_a_model():
    app = FastAPI()
    app.add_api_route("/", ServiceOrchestrator().handle_request, methods=["POST"])
    assert app.routes[-1].response_model is None


# ---- the stubs of the core ----


def parameters(function: Function) -> str:
    """Their names and which may be left out: "self, url, bearer=None" as "self, url, bearer=…"."""
    named = [one.arg for one in [*function.args.posonlyargs, *function.args.args]]
    optional = len(function.args.defaults)
    return ", ".join(name + "=…" * (index >= len(named) - optional) for index, name in enumerate(named))


def told(body: list[ast.stmt], owner: str = "") -> dict[str, str | None]:
    """What a stub says that there is: the parameters of functions; None for other names."""
    found: dict[str, str | None] = {}
    for one in body:
        if isinstance(one, ast.ClassDef):
            found[one.name] = None
            found |= told(one.body, f"{one.name}.")
        elif isinstance(one, ast.FunctionDef) and not one.name.startswith("_"):
            is_property = bool(one.decorator_list)  # Or its setter: a stub has no other decorators here.
            found[owner + one.name] = None if is_property else parameters(one)
        elif isinstance(one, ast.AnnAssign):
            found[owner + one.target.id] = None
    return found


def there(members: dict[str, object], owner: str = "") -> dict[str, str | None]:
    """The same of the module, which keeps its functions' signatures, with \\0, \\1 … for their defaults."""
    found: dict[str, str | None] = {}
    for name, value in members.items():
        if name.startswith("_"):
            continue
        signatures = getattr(value, "__nb_signature__", None)
        found[owner + name] = None
        if isinstance(value, type):
            found |= there(vars(value), f"{name}.")
        elif signatures:
            [(signature, *_)] = signatures
            found[owner + name] = parameters(ast.parse(re.sub(r"\\\d+", "...", signature) + ": ...").body[0])
    return found


def test_the_stubs_say_what_the_core_has():
    stubs = PACKAGE / "_core.pyi"
    assert told(ast.parse(stubs.read_text(encoding="utf-8")).body) == there(vars(_core))
