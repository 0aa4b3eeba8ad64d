"""Commands whose help shows options in groups, and an example.

Help texts are arguments and not docstrings, which Python removes with `-OO`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnabirnn.names import wrapped_commands

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["FILE_NAME", "Command", "Option", "WithExample", "command", "option"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OTHER = "Other options"


class _FileName(click.types.StringParamType):
    """Text that shells complete to the name of a file, or of a model that comes with dnabirnn."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        if incomplete and (param.name == "model" or param.metavar == "MODEL"):
            from dnabirnn.network import shipped_models

            names = [name for name in shipped_models() if name.startswith(incomplete)]
            if names:
                return [CompletionItem(name) for name in names]
        return [CompletionItem(incomplete, type="file")]


FILE_NAME = _FileName()


class Option(click.Option):
    """An option, and the heading that help lists it under."""

    def __init__(self, *arguments: Any, group: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.group = group


class WithExample(click.Command):
    """A command whose help ends with an example."""

    example = ""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example, one command per line; long ones are broken before options."""
        with formatter.section("Example"):
            width = formatter.width - formatter.current_indent
            formatter.write_text("\b\n" + wrapped_commands(self.example.strip(), width))


class Command(WithExample):
    """A command whose help lists the options of each group under a heading."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group, in the order in which groups first occur."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", _OTHER), []).append(record)
        groups[_OTHER] = groups.pop(_OTHER)  # last
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def command(text: str, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command.

    Parameters
    ----------
    text : str
        Help; its first sentence is also shown in the list of commands.
    example : str
        Command lines that work as they stand with files of these names, one per line.
    """

    def decorated(function: Callable[..., Any]) -> Command:
        made = click.command(cls=Command, help=text)(function)
        made.example = example
        for parameter in made.params:
            if type(parameter.type) is click.types.StringParamType:
                parameter.type = FILE_NAME
        return made

    return decorated


def option(*names: str, group: str, **attributes: Any) -> Callable[[_Function], _Function]:
    """Add an option that help lists in a group; otherwise as `click.option`."""
    return click.option(*names, cls=Option, group=group, **attributes)
