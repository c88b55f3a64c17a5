#!/usr/bin/env python3
"""Measures lumaloom beside other tools, on the same pictures and in turn, and prints tables in Markdown.

usage: run.py PROGRAM WORK [--runs 5] [--threads 1,2] [--only REGEX] [--images FOLDER]

PROGRAM is lumaloom. WORK is the folder that scripts/bench-peers installed the peers into; the pictures are
made there, from samples/photos or from the JPEGs of FOLDER. Each command runs once to warm up; then all of
them run in turn, every other round backwards. One thread means one core, for everybody.
"""

import argparse
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHARPEN = "convolution=m='-1 -1 -1 -1 16 -1 -1 -1 -1':div=8"
QUALITY = ["--quality", "85", "--subsampling", "4:2:0"]
# What lumaloom is asked for; the peers' programs in this folder do the same in their own way.
WORKLOADS = {
    "look": ("photographs, RGB look", "jpegs", QUALITY + [
        "-f", "linear=1.15:-0.0392,gamma=1.1,saturation=1.2,colorchannelmixer=rr=1.05:bb=0.95"]),
    "planes": ("photographs, luma and chroma", "jpegs", QUALITY + [
        "-f", "eq=brightness=0.03:contrast=1.15:saturation=1.2:gamma=1.1,hue=h=10"]),
    "thumbnails": ("thumbnails of 512 pixels", "large", ["--quality", "85", "-f", "resize=512x512"]),
    "blur": ("photographs, Gaussian of sigma 3 and a 3x3 sharpening", "jpegs", QUALITY + [
        "-f", f"gblur=sigma=3,{SHARPEN}"]),
    "tiff": ("one TIFF of 25 megapixels: crop, 0.9, sharpen", "tiff", [
        "-f", f"crop=iw-200:ih-200:100:100,resize=iw*0.9:-1:kernel=bilinear,{SHARPEN}"]),
    "png": ("PNGs to grey PNGs", "pngs", ["-f", "gray"]),
    "start": ("one JPEG of 512 by 512, from start to end", "small", ["--quality", "85", "-f", "negate"]),
}


def commands(program, work, workload, inputs, out, threads):
    """The command of each tool that takes part, by name; a shell runs them."""
    folder, n = inputs[WORKLOADS[workload][1]], threads
    python, node = work / "venv/bin/python", work / "node"
    options = shlex.join(WORKLOADS[workload][2])
    each = f"find {folder} -type f | sort | xargs -P{n} -I@"
    yield "lumaloom", f"{program} images {folder} -o {out} -j {n} -q {options}"
    yield "OpenCV", f"{python} {HERE}/opencv_peer.py {workload} {folder} {out} {n}"
    yield "libvips", f"{python} {HERE}/vips_peer.py {workload} {folder} {out} {n}"
    if workload not in ("planes", "tiff"):
        yield "sharp", f"NODE_PATH={node}/node_modules node {HERE}/sharp_peer.js {workload} {folder} {out} {n}"
    planes = "eq=brightness=0.03:contrast=1.15:saturation=1.2:gamma=1.1"
    filters = {"look": f"{planes},lutrgb=r=val*1.05:b=val*0.95", "planes": f"{planes},hue=h=10", "start": "negate"}
    if workload in filters:
        one = "ffmpeg -v error -threads 1 -filter_threads 1 -i @ -vf " \
              f"{filters[workload]},format=yuvj420p -q:v 3 -threads 1 {out}/$(basename @)"
        yield "ffmpeg", f"{each} sh -c '{one}'"
    if workload == "thumbnails":
        yield "vipsthumbnail", f"{each} vipsthumbnail -s 512x512 -o {out}/%s.jpg[Q=85] @"
    if workload == "start":
        yield "GraphicsMagick", f"gm convert {folder}/* -negate -quality 85 {out}/out.jpg"
        yield "ImageMagick", f"convert {folder}/* -negate -quality 85 {out}/out.jpg"


def missing(work):
    """Why a tool cannot take part, by its name."""
    reasons = {}
    for tool, module in (("OpenCV", "cv2"), ("libvips", "pyvips")):
        probe = [work / "venv/bin/python", "-c", f"import {module}"]
        reasons[tool] = failed(probe)
    reasons["sharp"] = failed(["node", "-e", "require('sharp')"], {"NODE_PATH": f"{work}/node/node_modules"})
    for tool, program in (("ffmpeg", "ffmpeg"), ("vipsthumbnail", "vipsthumbnail"), ("GraphicsMagick", "gm"),
                          ("ImageMagick", "convert")):
        reasons[tool] = None if shutil.which(program) else f"{program} is not installed"
    return {tool: why for tool, why in reasons.items() if why}


def failed(command, env=None):
    """The last line that a command says if it does not work."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})})
    except OSError as error:
        return str(error)
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return (said or ["it failed"])[-1] if done.returncode else None


def measure(command, out, threads):
    """Wall and CPU seconds, the peak of the largest process in MiB, and the bytes written."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    cores = sorted(os.sched_getaffinity(0))[:threads]
    begin = time.monotonic()
    child = subprocess.Popen(command, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             preexec_fn=lambda: os.sched_setaffinity(0, cores))
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begin
    if child.returncode:
        sys.exit(f"{command}\nfailed: {said.decode(errors='replace')[-600:]}")
    files = [path for path in out.rglob("*") if path.is_file() and ".lumaloom" not in path.parts]
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, sum(f.stat().st_size for f in files)


def table(rows, absent):
    """The table of one workload on one number of threads, the fastest first."""
    def wall(row):
        return statistics.median(run[0] for run in row[1])

    fastest = min((wall(row) for row in rows if row[0] != "lumaloom"), default=None)
    print("| tool | wall s, median | fastest run | CPU s | peak MiB | output MB | beside the fastest peer |")
    print("|---|---|---|---|---|---|---|")
    for name, runs in sorted(rows, key=wall):
        seconds = wall((name, runs))
        ratio = f"{seconds / fastest:.2f}" if fastest else ""
        print(f"| {name} | {seconds:.3f} | {min(r[0] for r in runs):.3f} | "
              f"{statistics.median(r[1] for r in runs):.2f} | {max(r[2] for r in runs):.0f} | "
              f"{runs[0][3] / 1e6:.1f} | {ratio} |")
    for name, why in sorted(absent.items()):
        print(f"| {name} | not measured: {why} | | | | | |")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only", default=".", help="workloads whose name matches")
    parser.add_argument("--images", type=Path, help="JPEGs of your own, in place of those made of the samples")
    args = parser.parse_args()
    program, work = args.program.resolve(), args.work.resolve()
    pictures = subprocess.run([work / "venv/bin/python", HERE / "pictures.py", work / "pictures"]
                              + ([args.images.resolve()] if args.images else []))
    if pictures.returncode:
        sys.exit("the pictures cannot be made; --images FOLDER names some of your own")
    inputs = {path.name: path for path in (work / "pictures").iterdir() if path.is_dir()}
    absent = missing(work)
    cores = len(os.sched_getaffinity(0))
    print(f"{args.runs} runs each, on {cores} cores of {processor()}\n")
    scratch = Path(tempfile.mkdtemp(prefix="peers-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        for workload, (title, _, _) in WORKLOADS.items():
            if not re.search(args.only, workload):
                continue
            for threads in sorted({min(int(n), cores) for n in args.threads.split(",")}):
                tools = list(commands(program, work, workload, inputs, scratch / "out", threads))
                here = {name: why for name, why in absent.items() if name in dict(tools)}
                tools = [(name, command, []) for name, command in tools if name not in here]
                for _, command, _ in tools:
                    measure(command, scratch / "out", threads)
                for turn in range(args.runs):
                    for _, command, runs in tools[::1 if turn % 2 == 0 else -1]:
                        runs.append(measure(command, scratch / "out", threads))
                print(f"### {workload}: {title}, {threads} thread{'s' if threads > 1 else ''}\n")
                table([(name, runs) for name, _, runs in tools], here)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def processor():
    """What Linux calls the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "an unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")


if __name__ == "__main__":
    main()
