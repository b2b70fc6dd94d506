"""The console command `steadfast`: `python -m robustness`, with `serve` and `demo` beside it."""

from robustness import cli, garbage, quiet, threads
from robustness.cli.commands import COMMANDS
from robustness.cli.lazy_group import Entry

_SERVERS = {
    "serve": Entry(
        "server.commands:serve",
        "Serves the API: OpenAI's endpoints under /v1, this project's under /robustness/v1.",
    ),
    "demo": Entry(
        "server.commands:demo",
        "Serves the page at / and the API beside it; loads the model behind the page.",
    ),
}

app = cli.group_of(COMMANDS | _SERVERS, "steadfast")


def main() -> None:
    """Runs one command of `steadfast`."""
    garbage.settle()
    threads.settle()
    quiet.settle()
    cli.run(app)


if __name__ == "__main__":
    main()
