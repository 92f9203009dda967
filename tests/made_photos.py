"""Photos of noise with labels, as the packs celeba.zip, celebahq.zip and utkface.zip hold them."""

import csv
import zipfile

import cv2
import numpy as np

from dtn_core.networks.resnet import CELEBA


def write_photos(folder, count=40):
    """So many photos of each set into a folder, every other one with all labels of CelebA. Returns the folder."""
    rng = np.random.default_rng(0)

    def jpeg(*shape):
        return cv2.imencode(".jpg", rng.integers(0, 255, shape, np.uint8))[1].tobytes()

    for stem, shape in (("celeba", (109, 89, 3)), ("celebahq", (104, 104, 3))):
        with zipfile.ZipFile(folder / f"{stem}.zip", "w") as pack, (folder / f"{stem}_attributes.csv").open("w") as out:
            rows = csv.writer(out)
            rows.writerow(["file", *CELEBA])
            for i in range(count):
                pack.writestr(f"{i}.jpg", jpeg(*shape))
                rows.writerow([f"{i}.jpg", *(i % 2 for _ in CELEBA)])
    with zipfile.ZipFile(folder / "utkface.zip", "w") as pack:
        for i in range(count):
            pack.writestr(f"{20 + i}_{i % 2}_{i % 4}_{i}.jpg", jpeg(200, 200, 3))
    return folder
