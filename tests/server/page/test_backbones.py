"""The page changes between two backbones; the second is loaded when it is asked."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from robustness import paths
from robustness.errors import InputError, NotFoundError
from robustness.models.transformers_engine import TransformersEngine
from robustness.storage import files
from robustness.workbench import Workbench
from server import errors
from server.access import Access
from server.backbones import Backbones
from server.engines import Built
from server.jobs import Jobs
from server.opening import Opened, Opening
from server.page import api
from server.settings import Settings

ASKED = {"instruction": "Where is {name}? {story}", "task": "place"}


@pytest.fixture(scope="module")
def other(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "another-llama"
    shutil.copytree(tiny_llama, out)
    return out


@pytest.fixture(scope="module")
def opening(aligned_engine: TransformersEngine, indexes: Path, page_jobs: Jobs) -> Opening:
    bench = Workbench(aligned_engine, indexes=indexes)
    built = Built(engine=aligned_engine, reason="a test")
    made = Opening(
        lambda _: Opened(built=built, workbench=bench, jobs=page_jobs, api=FastAPI()), ()
    )
    made._run()
    return made


@pytest.fixture(scope="module")
def http(opening: Opening, other: Path, indexes: Path, serve) -> Iterator[httpx.Client]:
    app = FastAPI()
    errors.install(app)
    settings = Settings(indexes=indexes, also=(str(other),))
    app.include_router(api.routes(opening, Access(settings), None))
    with serve(app) as address, httpx.Client(base_url=address, trust_env=False) as client:
        client.timeout = httpx.Timeout(60)
        yield client


def test_a_backbone_is_loaded_when_it_is_picked_and_the_first_one_stays(
    http: httpx.Client, aligned_engine: TransformersEngine
) -> None:
    (told,) = http.get("/page/v1/state").json()["others"]
    assert told == {
        "original": "another-llama", "loaded": False, "aligned": [], "skills": [], "gains": [],
    }
    found = http.post("/page/v1/answers", json=ASKED | {"model": "another-llama"}).json()
    assert found["models"] == ["another-llama"]
    assert http.get("/page/v1/state").json()["others"][0]["loaded"]
    first = http.post("/page/v1/answers", json=ASKED).json()
    assert first["models"] == [m.id for m in aligned_engine.models()][:2]
    # A copy has the same weights: it reads the same.
    mine, its = (
        [q["comparison"]["answers"][0]["option"] for q in f["questions"]] for f in (first, found)
    )
    assert mine == its


def test_a_backbone_without_an_index_says_so(http: httpx.Client) -> None:
    reply = http.post("/page/v1/wording", json=ASKED | {"model": "another-llama"})
    assert reply.status_code == 503
    error = reply.json()["error"]
    assert error["code"] == "index_unavailable"
    assert re.fullmatch(
        r"the model another-llama has no observed index at [^/]+, so there is no prediction; build "
        "it with: python -m robustness index build --model MODEL", error["message"]
    )


def test_a_model_that_does_not_ship_has_no_card(
    opening: Opening, other: Path, serve
) -> None:
    app = FastAPI()
    errors.install(app)
    app.include_router(api.routes(opening, Access(Settings(model=str(other))), None))
    with serve(app) as address:
        reply = httpx.get(f"{address}/page/v1/card.md", trust_env=False)
    assert reply.status_code == 404 and "no card" in reply.json()["error"]["message"]


def test_an_unknown_model_is_none_of_them(http: httpx.Client) -> None:
    reply = http.post("/page/v1/wording", json=ASKED | {"model": "a-third"})
    assert reply.status_code == 404 and "a-third" in reply.json()["error"]["message"]


def test_two_models_of_one_name_are_refused(opening: Opening, other: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--also: two of the models have the same name"):
        Backbones(opening, Settings(model=str(other), also=(str(other),)))
    # The folder of a difference has the name of its model.
    files.write_json(tmp_path / "difference.json", {"schema": 1, "model": "another-llama"})
    with pytest.raises(InputError, match="the same name"):
        Backbones(opening, Settings(also=(str(other), str(tmp_path))))


def test_a_backbone_that_cannot_be_loaded_is_told_without_its_folder(
    opening: Opening, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    made = Backbones(opening, Settings(also=(str(broken),)))
    with pytest.raises(NotFoundError, match="the model broken could not be loaded: ") as told:
        made.workbench("broken")
    assert str(tmp_path) not in str(told.value) and str(tmp_path) in caplog.text


def test_the_embedded_backbone_can_be_a_further_one(opening: Opening, tiny_llama: Path) -> None:
    made = Backbones(opening, Settings(model=str(tiny_llama), also=(str(paths.BACKBONE),)))
    assert made.others() == [(paths.BACKBONE_ID, None)]
    bench = made.workbench(f"{paths.BACKBONE_ID}+pt-kl")
    assert bench.original == paths.BACKBONE_ID and f"{paths.BACKBONE_ID}+pt-kl" in bench.aligned
    assert made.others() == [(paths.BACKBONE_ID, bench)]
    bench.engine.close()
