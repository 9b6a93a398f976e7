"""ProperDocs hooks: fill pages with text from the program, and turn formulas into MathML.

The hooks replace three kinds of comment on a line of their own. <!-- keys: pde --> becomes the tables of the run-file
keys of a section. <!-- commands --> becomes the list of all commands. <!-- gallery --> becomes the list of examples.
Browsers draw MathML without a script.
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
from freqbias.problem.settings import models_in

EXAMPLES = Path(__file__).parents[1] / "examples"


def models(section: str) -> list[type[Section]]:
    """Return the models of a section of the run file, one for each kind. For a key outside the sections, return []."""
    return models_in(RunFile.model_fields[section].annotation)


def keys(section: str) -> str:
    """Return the tables of the keys of a section, one for each kind. "top" means the keys outside the sections."""
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
    """Return a table with one row for each key: name, default and description."""
    rows = ["| key | default | expects |", "|---|---|---|"]
    for name, field in fields.items():
        rows.append(f"| `{name}` | {default(field)} | {cell(field.description)} |")
    return "\n".join(rows)


def cell(text: str | None) -> str:
    """Return the text with the escapes that a cell of a table needs."""
    return html.escape(text or "", quote=False).replace("|", "\\|")


def default(field: FieldInfo) -> str:
    """Return "required" or the default in TOML. Return an empty string for a key without a default."""
    if field.is_required():
        return "required"
    if isinstance(field.default, Section):
        return f"`{{ {', '.join(f'{key} = {json.dumps(value)}' for key, value in field.default)} }}`"
    return "" if field.default in (None, "") else f"`{json.dumps(field.default)}`"


def commands() -> str:
    """Return a section for each command, with the description and options that `--help` prints."""
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
    """Return a section for each example: the docstring, the picture, the printed line, and the source."""
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
    """Replace the comments in a page by text, and remove the note on the plain file, which only others need.

    ProperDocs calls this hook for every page.
    """
    markdown = re.sub(r"^> As a plain file,.*\n(>.*\n)*\n", "", markdown, flags=re.MULTILINE)
    markdown = re.sub(r"^<!-- keys: (\w+) -->$", lambda found: keys(found[1]), markdown, flags=re.MULTILINE)
    for name, make in (("commands", commands), ("gallery", gallery)):
        comment = f"<!-- {name} -->"
        markdown = markdown.replace(comment, make()) if comment in markdown else markdown
    return markdown


def on_page_content(content: str, **_: Any) -> str:
    """Replace the formulas of arithmatex by MathML. ProperDocs calls this hook for every page."""
    for left, right, display in ((r"\(", r"\)", "inline"), (r"\[", r"\]", "block")):
        pattern = rf'(<(?:span|div) class="arithmatex">){re.escape(left)}(.*?){re.escape(right)}(</(?:span|div)>)'
        content = re.sub(
            pattern,
            lambda found, display=display: found[1] + convert(html.unescape(found[2]), display=display) + found[3],
            content,
            flags=re.DOTALL,
        )
    return content
