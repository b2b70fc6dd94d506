"""The page's own endpoints: what its cards show, in one reply a card.

They call the library as the endpoints of `server.routes` do. The page asks them by `fetch`, so that
a number does not wait in Gradio's queue; they wait in those of `server.admission`, as the API's do.
"""

import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import segno
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from robustness.errors import CorruptFileError, InputError, MismatchError, NotFoundError
from robustness.storage import files
from robustness.urgency import Urgency, urgent
from server import command_line, errors, library
from server.access import Access
from server.backbones import Backbones
from server.connection import in_queue, in_thread_while_connected
from server.opening import Opening
from server.page import asked, findings_data, shipped
from server.page.admitted import admitted, each, live, one, whole
from server.page.stream import Lines, Send, line, streamed
from server.page.streams import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from robustness.paraphrasing.llm_paraphraser import LlmParaphraser
    from robustness.workbench import Workbench

_LONGEST_LINK = 1500
"""Most characters of a QR code."""
_EVIDENCE = "application/json"


def _plain(value: object) -> Any:
    return files.plain(value)


def _reply(value: object) -> Response:
    """A value as JSON, without FastAPI's own walk through it, which a key would wait for."""
    return JSONResponse(_plain(value))


def routes(
    opening: Opening, access: Access, paraphraser: "LlmParaphraser | None"
) -> APIRouter:
    """The endpoints of the page.

    Args:
        opening: The model, which may still be loading.
        access: The queues and limits; its settings give the folder of the indexes, and the
            address that *Share* gives.
        paraphraser: A language model that also suggests rewordings.
    """
    router = APIRouter(prefix="/page/v1", include_in_schema=False)
    workbench = opening.workbench()
    backbones = Backbones(opening, access.settings)
    bench_of = backbones.workbench
    folder = shipped.folder_of(access.settings)
    gains = {
        name: shipped.gains(shipped.folder_of(backbones.settings(name)))
        for name, _ in backbones.others()
    }
    public, indexes = access.settings.public_url, access.settings.indexes
    queues = access.admission

    @router.get("/state")
    def state() -> dict[str, Any]:
        """Whether the model is loaded, and which models there are."""
        told = {"public": public, "key": bool(access.keys)}
        if not opening.ready:
            return opening.document() | {"ready": False} | told
        opened = opening.opened()
        bench, built = opened.workbench, opened.built
        slower = [
            {"id": m.id, "scorer": str(m.scorer), "reason": m.slower}
            for m in bench.engine.models() if m.slower is not None
        ]
        commands = command_line.options(
            access.settings, [bench.original, *bench.aligned]
        ) | backbones.commands()
        return told | {
            "ready": True, "original": bench.original, "aligned": list(bench.aligned),
            "commands": commands,
            "engine": built.engine.name, "reason": built.reason, "slower": slower,
            "withheld": [
                {"id": w.id, "reason": errors.without_folders(w.reason)} for w in built.withheld
            ],
            "skills": findings_data.skills(bench),
            "gains": shipped.gains(folder),
            "others": [
                {
                    "original": name, "loaded": other is not None,
                    "aligned": [] if other is None else list(other.aligned),
                    "skills": [] if other is None else findings_data.skills(other),
                    "gains": [] if other is None else gains[name],
                }
                for name, other in backbones.others()
            ],
        }

    @router.post(
        "/wording", dependencies=[admitted(access, asked.Predicted, queues.predictions, live)]
    )
    def wording(body: asked.Predicted) -> Response:
        """The prediction, the closest wordings, the map and the exact prompt."""
        return _reply(library.wording.look(
            bench_of(body.model), body.asked(), probe=body.probe, labelled=body.labelled
        ))

    @router.post(
        "/first", dependencies=[admitted(access, asked.Wording, queues.predictions, one)]
    )
    def first(body: asked.Wording) -> Response:
        """The prediction from the wording alone, before inputs are read; null where none can be."""
        return _reply(library.wording.first(bench_of(body.model), body.asked()))

    @router.post("/perturbed")
    def perturbed(body: asked.Perturbed) -> dict[str, str | None]:
        """The wording as a surface rule changes it; null where the rule changes nothing."""
        made = library.wording.perturbed(bench_of(body.model), body.asked(), body.rule)
        return {"text": None if made is None else made.text}

    @router.post(
        "/answers", dependencies=[admitted(access, asked.Wording, queues.predictions, live)]
    )
    def answers(body: asked.Wording) -> Response:
        """Both models' answers to some questions of the task, or to the visitor's own."""
        return _reply(library.wording.answers(bench_of(body.model), body.asked()))

    @router.post(
        "/measure", dependencies=[admitted(access, asked.Wording, queues.generations, whole)]
    )
    def measure(body: asked.Wording) -> StreamingResponse:
        """Lines of JSON: the rungs of evidence as they come, then both models' measurements."""
        return streamed(lambda send, stop: _measured(bench_of(body.model), body, send, stop))

    @router.post(
        "/advise", dependencies=[admitted(access, asked.Wording, queues.generations, whole)]
    )
    async def advise(body: asked.Wording, request: Request) -> dict[str, Any]:
        """Rewordings with their predictions, and the phrases that increase the distance."""
        if body.task is None:
            raise InputError("rewordings are predicted on a task's questions; choose a task")
        task = body.task

        def work(_: "Callable[[], bool]") -> dict[str, Any]:
            bench = bench_of(body.model)
            with urgent(Urgency.LONG):
                rows = library.suggestions.rewordings(
                    bench, body.instruction, task=task, model=body.model,
                    paraphraser=paraphraser,
                )
                phrases = library.suggestions.moved(
                    bench, body.instruction, task=task, model=body.model
                )
            usual = bench.index(body.model).tasks[task].mean_accuracy
            return {
                "rewordings": _plain(rows), "phrases": _plain(phrases),
                "usual": None if usual is None else 100.0 * usual,
            }

        return await in_thread_while_connected(request, work)

    @router.post(
        "/reliance", dependencies=[admitted(access, asked.Relied, queues.generations, whole)]
    )
    def reliance(body: asked.Relied) -> StreamingResponse:
        """Lines of JSON: progress, then the accuracy under altered instructions."""
        return streamed(lambda send, stop: _relied(bench_of(body.model), body, send, stop))

    @router.post(
        "/evidence", dependencies=[admitted(access, asked.Wording, queues.generations, whole)]
    )
    async def evidence(body: asked.Wording, request: Request) -> Response:
        """The evidence file of what is shown, for `python -m robustness replay`."""

        def work(stop: "Callable[[], bool]") -> Response:
            with urgent(Urgency.LONG):
                made = library.evidence.record(
                    bench_of(body.model), body.asked(), indexes=indexes, should_stop=stop
                )
            return Response(library.evidence.text_of(made), media_type=_EVIDENCE)

        return await in_thread_while_connected(request, work)

    @router.post("/replay")
    async def replay(request: Request) -> dict[str, Any]:
        """Checks an evidence file and gives what the page shows of it; needs no model."""
        raw = await request.body()
        text = raw.decode("utf-8", "replace")
        # After the body was read, for which nobody else should wait.
        async with in_queue(queues.uploads, request):
            try:
                made, report = await run_in_threadpool(
                    library.evidence.replay, text, indexes=indexes
                )
            except (CorruptFileError, MismatchError) as error:
                # The file was so when it was sent: the client's error, not the server's.
                raise InputError(str(error)) from error
        return {
            "asked": made["asked"], "models": made["models"], "shown": made["shown"],
            "provenance": made["provenance"],
            "checks": [
                _plain(check) | {"reason": errors.without_folders(check.reason)}
                for check in report
            ],
        }

    @router.get("/findings")
    def findings() -> dict[str, Any]:
        """The figures of the tabs *Findings* and *About*."""
        return findings_data.document(workbench, folder)

    @router.get("/card.md")
    def card() -> FileResponse:
        """The card of the model that is served."""
        if folder is None:
            raise NotFoundError("no card ships for the model that is served")
        return FileResponse(folder / "CARD.md", media_type="text/markdown", filename="CARD.md")

    @router.post(
        "/write", dependencies=[admitted(access, asked.Written, queues.generations, each)]
    )
    def write(body: asked.Written) -> StreamingResponse:
        """Lines of JSON: pieces of both models' free answers as they are generated."""
        given, bench = body.asked(), bench_of(body.model)
        prompt = library.wording.look(bench, given).prompt.text
        models = given.models(bench)

        async def pieces() -> AsyncGenerator[bytes]:
            streams = [bench.engine.stream(m, prompt, body.settings()) for m in models]
            async with aclosing(side_by_side(streams)) as merged:
                async for number, text in merged:
                    yield line({"model": number, "text": text})

        return Lines(pieces())

    @router.get("/qr.svg")
    def qr(text: str) -> Response:
        """A QR code of an address as SVG."""
        if not text.strip() or len(text) > _LONGEST_LINK:
            raise InputError(f"text: give 1 to {_LONGEST_LINK} characters")
        out = io.BytesIO()
        try:
            code = segno.make(text, error="m", micro=False)
        except segno.DataOverflowError as error:
            # Its size is in bytes, of which a character may take four.
            raise InputError("text: too long for a QR code; shorten it") from error
        code.save(
            out, kind="svg", scale=6, border=4, xmldecl=False, omitsize=False
        )
        return Response(out.getvalue(), media_type="image/svg+xml")

    return router


def _measured(
    workbench: "Workbench", body: asked.Wording, send: Send, stop: "Callable[[], bool]"
) -> None:
    """Sends each rung, the progress of the last, and the measurements of both models."""
    given = body.asked()
    for rung in library.wording.rungs(workbench, given):
        send({"rung": _plain(rung)})
    for made in library.wording.measure(
        workbench, given, on_progress=lambda done, total: send({"progress": [done, total]}),
        should_stop=stop,
    ):
        send({"measured": _plain(made)})


def _relied(
    workbench: "Workbench", body: asked.Relied, send: Send, stop: "Callable[[], bool]"
) -> None:
    """Sends the progress, and the accuracy under the altered instructions."""
    if body.task is None:
        raise InputError("this needs questions with known answers; choose a task")
    made = library.perturbations.probe(
        workbench, body.instruction, task=body.task, model=body.model, limit=body.limit,
        on_progress=lambda done, total: send({"progress": [done, total]}), should_stop=stop,
    )
    send({"reliance": _plain(made)})
