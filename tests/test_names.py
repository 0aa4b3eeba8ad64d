"""Text for a terminal: command lines that still run."""

from __future__ import annotations

import shlex

from hypothesis import given, strategies as st

from dnabirnn.names import wrapped_commands

WORDS = st.lists(
    st.one_of(st.sampled_from(["--labels", "-o", "-", "--no-plots", "-1"]), st.text(max_size=30)),
    min_size=1,
    max_size=30,
)


@given(words=WORDS)
def test_wrapped_commands_are_the_same_commands(words: list[str]) -> None:
    line = shlex.join(["dnabirnn", *(word for word in words if "\n" not in word)])
    wrapped = wrapped_commands(line)
    assert shlex.split(wrapped.replace("\\\n", "")) == shlex.split(line)


def test_lines_are_broken_before_options_and_nowhere_else() -> None:
    line = "dnabirnn encode " + " ".join(f"genome{i}.fa --labels sites-{i}.bed" for i in range(9))
    lines = wrapped_commands(line).split("\n")
    assert all(len(one) <= 96 for one in lines)
    assert all(one.startswith("    --labels ") for one in lines[1:])
    assert all(one.endswith(" \\") for one in lines[:-1])
    assert wrapped_commands("dnabirnn info m -q\n# " + "x " * 99).count("\n") == 1
