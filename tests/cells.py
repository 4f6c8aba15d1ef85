"""What a notebook defines, taken from its own cells, so that tests copy nothing.

`namespace("05")` runs the imports, functions, classes and UPPER_CASE constants of a notebook, in its
order, and nothing else: no training, no figures.
"""

from __future__ import annotations

import ast
import re
import types

import nbformat

from tools import notebooks


def namespace(number: str) -> types.SimpleNamespace:
    """Imports, definitions and constants of the notebook whose number is given."""
    found: dict = {"__name__": f"notebook_{number}"}
    book = nbformat.read(notebooks.find(number)[0], as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            source = re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M)
            kept = [node for node in ast.parse(source).body if _is_definition(node)]
            module = ast.Module(body=kept, type_ignores=[])
            exec(compile(module, f"<notebook {number}>", "exec"), found)
    return types.SimpleNamespace(**found)


def texts(number: str) -> dict[str, str]:
    """The text of each function in the notebook whose number is given, by its name."""
    found = {}
    for cell in nbformat.read(notebooks.find(number)[0], as_version=4).cells:
        if cell.cell_type == "code" and "def " in cell.source:
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.FunctionDef):
                    found[node.name] = ast.get_source_segment(cell.source, node)
    return found


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return all(isinstance(t, ast.Name) and t.id.isupper() for t in node.targets)
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    return isinstance(node, kinds)
