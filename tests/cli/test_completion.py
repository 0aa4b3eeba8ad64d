"""Shells complete commands, options, values, models and file names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
LISTING = {
    # The words of COMP_WORDS, and what is left of the last one, as bash gives them to a function.
    "bash": """
eval "$(_DNABIRNN_COMPLETE=bash_source dnabirnn)"
compopt() { COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); }
read -ra COMP_WORDS <<< "$LINE"
[[ $LINE == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_dnabirnn_completion dnabirnn
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
autoload -U compinit
compdef() { : }
eval "$(_DNABIRNN_COMPLETE=zsh_source dnabirnn)"
compadd() { print -l -- ${(P)@[-1]} }
_describe() { print -l -- ${${(P)3}%%:*} }
_path_files() { print -l -- $words[-1]*(N) }
words=(${=LINE}); [[ $LINE == *" " ]] && words+=("")
CURRENT=$#words
_dnabirnn_completion
""",
    "fish": """
_DNABIRNN_COMPLETE=fish_source dnabirnn | source
complete -C "$LINE" | string split -f 1 \\t
""",
}


def completions(shell: str, line: str, folder: Path) -> set[str]:
    """What a shell offers for a line that is being typed."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run(
        [path, *{"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]],
        input=LISTING[shell],
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "LINE": line},
        capture_output=True,
        text=True,
    )
    return {text for text in done.stdout.splitlines() if text}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dnabirnn sc", {"scan", "score"}),
        ("dnabirnn score --calls", {"--calls", "--calls-format"}),
        ("dnabirnn train set.enc --cell gru", {"gru", "gru-ln"}),
        ("dnabirnn score genome.fa -m ecoli", {"ecoli-rep"}),
        ("dnabirnn score genome.fa -m other", {"other.safetensors"}),
        ("dnabirnn score ge", {"genes.bed", "genome.fa"}),
        ("dnabirnn score genome.fa --provenance run", {"run.json"}),
    ],
)
def test_what_is_offered(shell: str, line: str, offered: set[str], tmp_path: Path) -> None:
    for name in ("genome.fa", "genes.bed", "other.safetensors", "run.json"):
        (tmp_path / name).touch()
    assert completions(shell, line, tmp_path) == offered
