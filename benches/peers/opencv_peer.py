"""The workloads as an OpenCV program has them: opencv_peer.py WORKLOAD FOLDER OUT THREADS"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

workload, folder, out, threads = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
files = sorted(folder.iterdir())
# Files side by side; one file alone has all threads.
cv2.setNumThreads(threads if len(files) == 1 else 1)

CODES = np.arange(256) / 255.0
SHARPEN = np.array([[-1, -1, -1], [-1, 16, -1], [-1, -1, -1]], np.float32) / 8
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 85]


def table(function):
    return np.clip(function(CODES) * 255 + 0.5, 0, 255).astype(np.uint8)


def powers(values, gamma):
    return np.maximum(values, 0) ** (1 / gamma)


# B, G, R. One table for the first two steps, one matrix for the next two.
FIRST = table(lambda v: powers(v * 1.15 - 0.0392, 1.1))
LUMA = np.array([0.0722, 0.7152, 0.2126])
MIX = np.diag([0.95, 1.0, 1.05]) @ (1.2 * np.eye(3) - 0.2 * np.tile(LUMA, (3, 1)))
PLANE = table(lambda v: powers((v - 0.5) * 1.15 + 0.53, 1.1))
SAME = np.arange(256, dtype=np.uint8)
PLANES = np.stack([PLANE, SAME, SAME], 1).reshape(1, 256, 3).copy()
COS, SIN = 1.2 * np.cos(np.deg2rad(10)), 1.2 * np.sin(np.deg2rad(10))
TURN = np.array([[1, 0, 0, 0], [0, COS, SIN, 128 * (1 - COS - SIN)], [0, -SIN, COS, 128 * (1 - COS + SIN)]])


def work(path):
    target = str(out / path.name)
    if workload == "thumbnails":
        picture = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_4)
        scale = 512 / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return cv2.imwrite(target, small, JPEG)
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if workload == "look":
        return cv2.imwrite(target, cv2.transform(cv2.LUT(picture, FIRST), MIX.astype(np.float32)), JPEG)
    if workload == "planes":
        ycc = cv2.LUT(cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb), PLANES)
        turned = cv2.transform(ycc, TURN.astype(np.float32))
        return cv2.imwrite(target, cv2.cvtColor(turned, cv2.COLOR_YCrCb2BGR), JPEG)
    if workload == "blur":
        return cv2.imwrite(target, cv2.filter2D(cv2.GaussianBlur(picture, (0, 0), 3), -1, SHARPEN), JPEG)
    if workload == "tiff":
        inside = picture[100:-100, 100:-100]
        small = cv2.resize(inside, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_LINEAR)
        return cv2.imwrite(target, cv2.filter2D(small, -1, SHARPEN), [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    if workload == "png":
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        return cv2.imwrite(target, grey, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    return cv2.imwrite(target, cv2.bitwise_not(picture), JPEG)


with ThreadPoolExecutor(threads) as pool:
    assert all(pool.map(work, files))
