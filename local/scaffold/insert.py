"""Insert a new function's lines into files that people write, and leave every other line as it is."""

from typing import Any

import yaml


def function(template: str, logical_id: str, resource: str) -> str:
    """Return template.yaml with the function, and with API Gateway's right to invoke it.

    Both go after the function that ApiRole names last.
    """
    resources = _entry(_compose(template), "Resources")
    statement = _entry(resources, "ApiRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 0)
    right = _entry(statement, "Resource", -1)
    last_function = _entry(resources, right.value.removesuffix(".Arn"))
    lines = template.splitlines(keepends=True)
    texts = {
        _last_line(lines, last_function): resource,
        _last_line(lines, right): lines[right.end_mark.line].replace(right.value, f"{logical_id}.Arn"),
    }
    # From the bottom up, so that the numbers of the lines above stay true.
    for place, text in sorted(texts.items(), reverse=True):
        lines.insert(place + 1, text)
    return "".join(lines)


def tag(public: str, line: str) -> str:
    """Return public.yaml with a tag after the others."""
    lines = public.splitlines(keepends=True)
    lines.insert(_last_line(lines, _entry(_compose(public), "tags")) + 1, line)
    return "".join(lines)


def operation(operations: str, row: str) -> str:
    """Return operations.py with a row at the end of the table OPERATIONS."""
    before, opening, table = operations.partition("\nOPERATIONS = (\n")
    rows, closing, after = table.partition("\n)\n")
    return f"{before}{opening}{rows}\n{row}{closing[1:]}{after}"


def _compose(text: str) -> Any:
    # Not loaded: CloudFormation's tags need no meaning here, and only nodes know their lines.
    return yaml.compose(text, yaml.CSafeLoader)


def _entry(node: Any, *path: str | int) -> Any:
    """Return the node that keys and positions lead to."""
    for step in path:
        if isinstance(step, int):
            node = node.value[step]
        else:
            [node] = [value for key, value in node.value if key.value == step]
    return node


def _last_line(lines: list[str], node: Any) -> int:
    """Return the number of the last line that a node has text on."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        # A block's own end mark is where the next one begins.
        last = node.value[-1]
        return _last_line(lines, last[1] if isinstance(node, yaml.MappingNode) else last)
    end = node.end_mark
    # A block scalar ends at the beginning of a line, after the empty lines that follow it.
    place = end.line if end.column else end.line - 1
    while not lines[place].strip():
        place -= 1
    return int(place)
