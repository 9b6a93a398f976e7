"""What the site takes from the program itself while ProperDocs builds it: the keys of the run file, the commands and
the gallery; and its formulas as MathML, which browsers draw without a script.

A page asks for a part by a comment on a line of its own: <!-- keys: pde -->, <!-- commands -->, <!-- gallery -->.
"""

import ast
import html
import json
import re
from pathlib import Path
from typing import Any, get_args

import typer
from latex2mathml.converter import convert
from pydantic.fields import FieldInfo

from freqbias.compare.commands import build_app
from freqbias.problem import RunFile, Section

EXAMPLES = Path(__file__).parents[1] / "examples"


def models(section: str) -> list[type[Section]]:
    """The models of a section of the run file, one for each kind; none for a key outside the sections."""
    annotation = RunFile.model_fields[section].annotation
    return [model for model in get_args(annotation) or (annotation,) if issubclass(model, Section)]


def keys(section: str) -> str:
    """The keys of a section, a table for each kind; those outside the sections for "top"."""
    if section == "top":
        return table({name: field for name, field in RunFile.model_fields.items() if not models(name)})
    tables = []
    for model in models(section):
        fields = dict(model.model_fields)
        kind = fields.pop("kind", None)
        heading = f'### `kind = "{get_args(kind.annotation)[0]}"`\n\n' if kind else ""
        tables.append(heading + table(fields))
    return "\n\n".join(tables)


def table(fields: dict[str, FieldInfo]) -> str:
    """A row for each key: its name, its default, and what it expects, in the words of its model."""
    rows = ["| key | default | expects |", "|---|---|---|"]
    for name, field in fields.items():
        rows.append(f"| `{name}` | {default(field)} | {cell(field.description)} |")
    return "\n".join(rows)


def cell(words: str | None) -> str:
    """Words in a table."""
    return html.escape(words or "", quote=False).replace("|", "\\|")


def default(field: FieldInfo) -> str:
    """As the run file would say it."""
    if field.is_required():
        return "required"
    return "" if field.default in (None, "") else f"`{json.dumps(field.default)}`"


def commands() -> str:
    """Each command with its words and options, as `--help` says them."""
    parts = []
    for name, command in typer.main.get_command(build_app()).commands.items():  # type: ignore[attr-defined]
        rows = []
        for option in command.params:
            metavar = f" {option.metavar}" if option.metavar and option.param_type_name == "option" else ""
            words = ", ".join(option.opts) + metavar if option.param_type_name == "option" else option.metavar
            rows.append(f"| `{words}` | {cell(option.help)} |")
        lines = ["| argument | meaning |", "|---|---|", *rows] if rows else []
        parts.append("\n".join([f"## `freqbias {name}`", "", html.escape(command.help, quote=False), "", *lines]))
    return "\n\n".join(parts)


def gallery() -> str:
    """Each example: the words of its docstring, its picture, what it prints, and its source."""
    parts = []
    for path in sorted(EXAMPLES.glob("[0-9]*.py")):
        source = path.read_text(encoding="utf-8")
        title, *paragraphs, printed = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")
        code = "\n".join(f"    {line}".rstrip() for line in source.rstrip().splitlines())
        parts += [
            f"## {title.rstrip('.')}",
            *paragraphs,
            f"![{title}](gallery/{path.stem}.png)",
            f"**Prints:** {printed.removeprefix('Prints: ')}.",
            f'??? example "examples/{path.name}"\n\n    ```python\n{code}\n    ```',
        ]
    return "\n\n".join(parts)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The hook of ProperDocs: the parts in place of their comments."""
    markdown = re.sub(r"^<!-- keys: (\w+) -->$", lambda found: keys(found[1]), markdown, flags=re.MULTILINE)
    for name, make in (("commands", commands), ("gallery", gallery)):
        comment = f"<!-- {name} -->"
        markdown = markdown.replace(comment, make()) if comment in markdown else markdown
    return markdown


def on_page_content(content: str, **_: Any) -> str:
    """The hook of ProperDocs: what stands between \\( \\) and \\[ \\] as MathML."""
    for left, right, display in ((r"\(", r"\)", "inline"), (r"\[", r"\]", "block")):
        pattern = rf'(<(?:span|div) class="arithmatex">){re.escape(left)}(.*?){re.escape(right)}(</(?:span|div)>)'
        content = re.sub(
            pattern,
            lambda found, display=display: found[1] + convert(html.unescape(found[2]), display=display) + found[3],
            content,
            flags=re.DOTALL,
        )
    return content
