"""This client and a straightforward one (requests, full-size base64, one call), side by side.

    python benchmarks/services.py            # about two minutes; needs the extras test and ocr

Both talk to the same server on loopback in one run, in turns; figures are medians. The result
goes to benchmarks/results/services.json.
"""

from __future__ import annotations

import argparse
import base64
import gc
import json
import platform
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

# As a script's folder, benchmarks/ would come first, and this file hide Python's own `http`.
sys.path[0] = str(Path(__file__).parents[1])

import requests

from benchmarks.photographs import LINES, MODEL_PIXELS, TEXT_HEIGHT, photographs
from mmrerank import Content, Image, JinaReranker
from mmrerank.images.decode import open_image
from mmrerank.images.encode import encode_image
from mmrerank.testing import LocalRerankServer

RESULT = Path(__file__).parent / "results" / "services.json"
QUERY = "turbine torque"


class Forgetful(list):
    def append(self, item: object) -> None:
        """Keep no bodies: they are large."""


def server(**options: Any) -> LocalRerankServer:
    made = LocalRerankServer(lambda *_: 0.5, **options)
    made.requests = Forgetful()
    return made


def straightforward(there: LocalRerankServer, documents: list[Content]) -> list[float]:
    """What one writes first: everything in one call, images as they are."""
    items = [{"text": d.text} for d in documents if d.text]
    for document in documents:
        for image in document.images:
            data = base64.b64encode(image.data or b"").decode()
            items.append({"image": f"data:image/jpeg;base64,{data}"})
    answer = requests.post(
        f"{there.url}/v1/rerank",
        headers={"Authorization": f"Bearer {there.api_key}"},
        json={
            "model": "jina-reranker-m0",
            "query": QUERY,
            "documents": items,
            "return_documents": False,
        },
        timeout=600,
    )
    answer.raise_for_status()
    results = sorted(answer.json()["results"], key=lambda result: result["index"])
    return [result["relevance_score"] for result in results]


def ours(there: LocalRerankServer) -> JinaReranker:
    return JinaReranker(api_key=there.api_key, base_url=there.url, max_concurrency=5)


def timed(action: Any) -> float:
    gc.collect()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def bytes_on_the_wire(count: int) -> dict[str, Any]:
    documents = [Content(images=[Image.from_bytes(data)]) for data in photographs(count)]
    result: dict[str, Any] = {"images": count, "pixels": "4000 x 3000"}
    with server() as there, ours(there) as reranker:
        for name, action in (
            ("ours", lambda: reranker.score(QUERY, documents)),
            ("straightforward", lambda: straightforward(there, documents)),
        ):
            there.headers.clear()
            seconds = timed(action)
            sent = sum(int(headers["content-length"]) for headers in there.headers)
            result[name] = {
                "bytes": sent,
                "seconds": round(seconds, 2),
                "requests": len(there.headers),
            }
    result["ratio"] = round(result["straightforward"]["bytes"] / result["ours"]["bytes"], 1)
    result["words_read"] = legibility(documents[:3])
    return result


def legibility(documents: list[Content]) -> dict[str, Any]:
    """Words of 12 pixels that OCR reads in what was sent, at the size that the model reads."""
    import numpy as np
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})
    words = re.findall(r"\w+", " ".join(LINES).lower())
    shares = []
    for document in documents:
        sent = encode_image(document.images[0], MODEL_PIXELS)
        picture = open_image(Image.from_bytes(sent.data))
        assert picture.width * picture.height <= MODEL_PIXELS
        texts = engine(np.asarray(picture)[:, :, ::-1]).txts or ()
        read = "".join(re.findall(r"\w+", " ".join(texts).lower()))  # OCR may drop spaces
        shares.append(sum(word in read for word in words) / len(words))
    return {"text_height_pixels": TEXT_HEIGHT, "share": round(statistics.mean(shares), 3)}


def wall_time(rounds: int, *, images: bool) -> dict[str, Any]:
    """100 documents, 50 ms latency, 5 calls at once."""
    import io

    from PIL import Image as Pillow

    documents = []
    for i in range(100):
        buffer = io.BytesIO()
        Pillow.new("RGB", (640, 480), (i, i, i)).save(buffer, "JPEG")
        image = [Image.from_bytes(buffer.getvalue())] if images else []
        documents.append(Content(f"turbine {i}", image))
    times: dict[str, list[float]] = {"ours": [], "straightforward": []}
    with server(latency=0.05, max_at_once=5) as there, ours(there) as reranker:
        for _ in range(rounds):
            times["ours"].append(timed(lambda: reranker.score(QUERY, documents)))
            times["straightforward"].append(timed(lambda: straightforward(there, documents)))
    return {name: round(statistics.median(some), 4) for name, some in times.items()}


def overhead(rounds: int, count: int = 1000) -> dict[str, Any]:
    """Milliseconds a text document that our client takes beyond the straightforward one."""
    documents = [
        Content(f"turbine {i} " + "and more words of a usual chunk " * 20) for i in range(count)
    ]
    pairs = []
    with server() as there, ours(there) as reranker:
        for _ in range(rounds):
            mine = timed(lambda: reranker.score(QUERY, documents))
            theirs = timed(lambda: straightforward(there, documents))
            pairs.append((mine, theirs))
    mine, theirs = (statistics.median(side) / count * 1000 for side in zip(*pairs, strict=True))
    differences = statistics.median(a - b for a, b in pairs) / count * 1000
    return {
        "documents": count,
        "ours_ms": round(mine, 4),
        "straightforward_ms": round(theirs, 4),
        "overhead_ms": round(differences, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    results = {
        "machine": {"python": platform.python_version(), "system": platform.system()},
        "wall_seconds_100_texts": wall_time(options.rounds, images=False),
        "wall_seconds_100_texts_with_image": wall_time(options.rounds, images=True),
        "overhead_per_text_document": overhead(options.rounds),
        "bytes_on_the_wire": bytes_on_the_wire(options.images),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
