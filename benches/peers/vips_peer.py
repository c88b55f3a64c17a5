"""The workloads as a libvips program has them: vips_peer.py WORKLOAD FOLDER OUT THREADS"""

import os
import sys
from multiprocessing import Pool
from pathlib import Path

workload, folder, out, threads = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
files = sorted(folder.iterdir())
# Many files are fastest in processes of one thread each; one file alone has all threads.
os.environ["VIPS_CONCURRENCY"] = str(threads if len(files) == 1 else 1)
import pyvips  # noqa: E402

pyvips.cache_set_max(0)

SHARPEN = pyvips.Image.new_from_array([[-1, -1, -1], [-1, 16, -1], [-1, -1, -1]], scale=8)
LUMA = (0.2126, 0.7152, 0.0722)
# Saturation of 1.2, then gains of R and B.
MIX = [[gain * (1.2 * (i == j) - 0.2 * LUMA[j]) for j in range(3)] for i, gain in enumerate((1.05, 1, 0.95))]
MIX = pyvips.Image.new_from_array(MIX)


def work(path):
    target = str(out / path.name)
    if workload == "thumbnails":
        pyvips.Image.thumbnail(str(path), 512, height=512).write_to_file(target, Q=85)
        return
    picture = pyvips.Image.new_from_file(str(path), access="sequential")
    if workload == "look":
        # Both steps that are the same for each component as one table, which is how its users do it.
        steps = pyvips.Image.identity().linear(1.15, -10, uchar=True).gamma(exponent=1.1).cast("uchar")
        picture.maplut(steps).recomb(MIX).cast("uchar").write_to_file(target, Q=85)
    elif workload == "planes":
        lch = picture.colourspace("lch")
        turned = lch.linear([1.15, 1.2, 1], [0, 0, 10]).copy(interpretation="lch")
        turned.colourspace("srgb").write_to_file(target, Q=85)
    elif workload == "blur":
        blurred = picture.gaussblur(3, precision="integer").conv(SHARPEN, precision="integer")
        blurred.write_to_file(target, Q=85)
    elif workload == "tiff":
        inside = picture.crop(100, 100, picture.width - 200, picture.height - 200)
        small = inside.reduce(1 / 0.9, 1 / 0.9, kernel="linear")
        small.conv(SHARPEN, precision="integer").write_to_file(target)
    elif workload == "png":
        picture.colourspace("b-w").write_to_file(target, compression=6)
    else:
        picture.invert().write_to_file(target, Q=85)


if threads == 1 or len(files) == 1:
    for each in files:
        work(each)
else:
    with Pool(threads) as pool:
        pool.map(work, files, chunksize=1)
