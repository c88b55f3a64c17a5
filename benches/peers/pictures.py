"""Makes the pictures that tools are measured on: pictures.py FOLDER [JPEGS]

Photographs of 12 and 24 megapixels are laid out of the samples, or of the JPEGs of a folder, at their own
size: enlarging would make them easier to compress than photographs are.
"""

import random
import sys
from pathlib import Path

from PIL import Image

Image.MAX_IMAGE_PIXELS = None
SAMPLES = Path(__file__).resolve().parents[2] / "samples/photos"
TILE = (400, 300)


def layout(sources, rnd, width, height):
    """A picture of random pieces of the sources."""
    out = Image.new("RGB", (width, height))
    for y in range(0, height, TILE[1]):
        for x in range(0, width, TILE[0]):
            source = rnd.choice(sources)
            left = rnd.randrange(max(1, source.width - TILE[0] + 1))
            top = rnd.randrange(max(1, source.height - TILE[1] + 1))
            piece = source.crop((left, top, left + TILE[0], top + TILE[1]))
            out.paste(piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rnd.random() < 0.5 else piece, (x, y))
    return out


def main():
    folder = Path(sys.argv[1])
    own = sorted(Path(sys.argv[2]).glob("*.jp*g")) if len(sys.argv) > 2 else []
    stamp = folder / "made-of.txt"
    says = "\n".join(map(str, own)) or "samples"
    if stamp.exists() and stamp.read_text() == says:
        return
    names = own or sorted(p for p in SAMPLES.rglob("*") if p.suffix in (".jpg", ".png"))
    sources = [Image.open(name).convert("RGB") for name in names]
    sources = [s for s in sources if s.width >= TILE[0] and s.height >= TILE[1]]
    rnd = random.Random(1)
    for name in ("jpegs", "large", "pngs", "tiff", "small"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(4):
        layout(sources, rnd, 4000, 3000).save(folder / f"jpegs/{i}.jpg", quality=90)
    for i in range(6):
        picture = layout(sources, rnd, 6000, 4000)
        if i < 2:
            picture.save(folder / f"jpegs/large{i}.jpg", quality=90)
        picture.save(folder / f"large/{i}.jpg", quality=90)
    for i in range(6):
        layout(sources, rnd, 3000, 2000).save(folder / f"pngs/{i}.png", compress_level=6)
    layout(sources, rnd, 5000, 5000).save(folder / "tiff/one.tif")
    layout(sources, rnd, 512, 512).save(folder / "small/one.jpg", quality=90)
    stamp.write_text(says)


main()
