"""`completion`: what a shell reads to complete commands and options."""

import click
from click.shell_completion import get_completion_class

from pigment_watcher.views import show

#: What the program is called, and the variable by which a shell asks it.
PROGRAM, VARIABLE = "pigment-watcher", "_PIGMENT_WATCHER_COMPLETE"


@click.command(
    help="Prints what a shell reads to complete commands, options and files. `make install` and the"
    " packages put it where shells look; this is for whoever installed by pip.",
    epilog=show.examples(
        "pigment-watcher completion bash > /etc/bash_completion.d/pigment-watcher",
        'eval "$(pigment-watcher completion zsh)"',
        "pigment-watcher completion fish > ~/.config/fish/completions/pigment-watcher.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script of a shell."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"nothing is known of {shell}")
    script = found(ctx.find_root().command, {}, PROGRAM, VARIABLE).source()
    click.echo(script)
