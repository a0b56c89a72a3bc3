"""What the routes of an index find among pictures and captions: each alone, and fused.

    python benchmarks/image_routes.py            the colour embedder: exact about colours, no model
    python benchmarks/image_routes.py --clip DIR any CLIP, such as one with random weights

60 pictures (bar charts, line charts, pies, landscapes), each of two colours in unequal shares, and
for each a note that describes it in a sentence, in two files of one number. Pictures have no words
in them. Four tasks ask for each of them:

    text       the colours in words: the note and the picture of the number are right
    image      the picture in another size and quality, cropped: the picture is right
    image>text the same image: the note is right
    both       the image, and the subject in words, which only the note has: both are right

MRR is that of the first right result of ten, "all" the share of the questions where all right
results are among the first ten. Routes: "vectors" searches texts, "images" pictures, and either
takes whatever its embedder reads.
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw

from mmrerank import Content, Image
from mmrerank.index import Index
from mmrerank.retrieval.clip import CLIPEmbedder
from mmrerank.retrieval.embedder import Embedder
from mmrerank.testing import ColourEmbedder
from mmrerank.testing.colours import COLOURS

SIZE = (240, 160)
TOP = 10
PAIRS = list(
    itertools.permutations(
        ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "grey"), 2
    )
)[:60]
SUBJECTS = (
    "harvest", "rainfall", "exports", "births", "traffic", "tides", "wages", "voters", "imports",
    "ozone", "pollen", "timber", "steel", "coal", "milk", "salmon", "snow", "wind",
)  # fmt: skip
PLACES = ("Aral", "Brno", "Cork", "Delft")

Draw = Callable[[ImageDraw.ImageDraw, str, str, random.Random], None]


def bars(draw: ImageDraw.ImageDraw, main: str, other: str, chance: random.Random) -> None:
    for i in range(6):
        colour = other if i % 3 == 2 else main
        draw.rectangle((12 + i * 38, chance.randint(10, 60), 40 + i * 38, 150), fill=colour)


def lines(draw: ImageDraw.ImageDraw, main: str, other: str, chance: random.Random) -> None:
    for colour, width in ((main, 26), (other, 9)):
        points = [(x, chance.randint(20, 140)) for x in range(0, 241, 40)]
        draw.line(points, fill=colour, width=width)


def pie(draw: ImageDraw.ImageDraw, main: str, other: str, chance: random.Random) -> None:
    start = chance.randint(0, 359)
    draw.ellipse((50, 10, 190, 150), fill=main)
    draw.pieslice((50, 10, 190, 150), start, start + 100, fill=other)


def landscape(draw: ImageDraw.ImageDraw, main: str, other: str, chance: random.Random) -> None:
    draw.rectangle((0, 0, 240, 100), fill=main)
    draw.polygon(
        [(0, 160), (0, chance.randint(95, 130)), (240, chance.randint(95, 130)), (240, 160)],
        fill=other,
    )


KINDS: Mapping[str, Draw] = {
    "bar chart": bars,
    "line chart": lines,
    "pie chart": pie,
    "landscape": landscape,
}


@dataclass(frozen=True, slots=True)
class Item:
    """A picture with its note. `main` is the colour of most of it."""

    number: int
    kind: str
    main: str
    other: str
    subject: str

    @property
    def note(self) -> str:
        about = f"It is about {self.subject}."
        return f"A {self.kind}, mostly {self.main}, {self.main} above all, with some {self.other}. {about}"

    def picture(self) -> Pillow.Image:
        picture = Pillow.new("RGB", SIZE, "white")
        chance = random.Random(self.number)
        name = {colour: "#{:02x}{:02x}{:02x}".format(*rgb) for colour, rgb in COLOURS.items()}
        KINDS[self.kind](ImageDraw.Draw(picture), name[self.main], name[self.other], chance)
        return picture

    def altered(self) -> Image:
        """Its picture cropped by a tenth on the left and above, half as large, as a JPEG."""
        width, height = SIZE
        small = self.picture().crop((width // 10, height // 10, width, height)).resize((120, 80))
        file = io.BytesIO()
        small.save(file, "JPEG", quality=60)
        return Image.from_bytes(file.getvalue())

    def questions(self) -> Iterator[tuple[str, Content, set[str]]]:
        """Each task with its query, and the names of the right files."""
        note, picture = f"{self.number}.md", f"{self.number}.png"
        image = self.altered()
        yield (
            "text",
            Content(f"much {self.main} {self.main}, a bit of {self.other}"),
            {note, picture},
        )
        yield "image", Content(images=[image]), {picture}
        yield "image>text", Content(images=[image]), {note}
        yield "both", Content(f"about {self.subject}", [image]), {note, picture}


def items() -> list[Item]:
    kinds, made = list(KINDS), []
    subjects = [f"{subject} in {place}" for place in PLACES for subject in SUBJECTS]
    for number, (main, other) in enumerate(PAIRS):
        made.append(Item(number, kinds[number % len(kinds)], main, other, subjects[number]))
    return made


def write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for item in items():
        item.picture().save(folder / f"{item.number}.png")
        (folder / f"{item.number}.md").write_text(item.note)
    return folder


WAYS: Mapping[str, tuple[Sequence[str] | Mapping[str, float] | None, str]] = {
    "words": (["words"], "ranks"),
    "vectors": (["vectors"], "ranks"),
    "images": (["images"], "ranks"),
    "all, by ranks": (None, "ranks"),
    "all, by scores": (None, "scores"),
    "all, by scores, images .6": ({"images": 0.6, "vectors": 0.2, "words": 0.2}, "scores"),
}


def measured(index: Index, way: str) -> dict[str, tuple[float, float]]:
    """For each task, the MRR and the share of questions with all right results among the first."""
    routes, fusion = WAYS[way]
    found: dict[str, list[tuple[float, float]]] = {}
    for item in items():
        for task, query, right in item.questions():
            if way == "words":  # which reads no images
                if not query.text:
                    continue
                query = Content(query.text)  # noqa: PLW2901 - the same question
            hits = index.search(query, routes=routes, fusion=fusion, top_n=TOP)
            names = [Path(hit.source).name for hit in hits]
            ranks = [names.index(name) + 1 for name in right if name in names]
            best = 1 / min(ranks) if ranks else 0.0
            found.setdefault(task, []).append((best, float(len(ranks) == len(right))))
    return {
        task: (statistics.mean(mrr for mrr, _ in own), statistics.mean(whole for _, whole in own))
        for task, own in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--clip", metavar="DIR", help="a checkpoint of CLIP for texts and images")
    options = parser.parse_args()
    embedder: Embedder = CLIPEmbedder(options.clip) if options.clip else ColourEmbedder()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        docs = write(folder / "docs")
        with Index(
            folder / "index", ocr=False, embedder=embedder, image_embedder=embedder
        ) as index:
            index.sync(docs)
            tasks = ("text", "image", "image>text", "both")
            print(
                f"{embedder.name.partition(':')[0]}: MRR, all found; {len(items())} questions each"
            )
            print("| routes | " + " | ".join(tasks) + " |")
            print("|---" * (len(tasks) + 1) + "|")
            for way in WAYS:
                row = measured(index, way)
                cells = (f"{row[t][0]:.2f}, {row[t][1]:.2f}" if t in row else "" for t in tasks)
                print(f"| {way} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
