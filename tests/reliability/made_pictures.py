"""Small pictures of every format that is taken, in their odd forms, and files that attack readers of pictures."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image, features


def shapes(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    """A picture with edges and colours."""
    yy, xx = np.mgrid[:height, :width]
    rgb = np.stack([xx * 255 // max(1, width - 1), yy * 255 // max(1, height - 1), (xx * yy) % 256], 2).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(rgb[..., 0].astype(np.float32) / 255)
    return Image.fromarray(rgb).convert(mode)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int, padding: int = 0) -> bytes:
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x010E] = "x" * padding
    return made.tobytes()


@cache
def seeds() -> dict[str, bytes]:
    """Good ones."""
    frames = [shapes(20, 15, mode) for mode in ("RGB", "L", "RGB")]
    more = {"save_all": True, "append_images": frames[1:]}
    made = {
        "jpeg": saved(shapes(), "JPEG"),
        "progressive jpeg": saved(shapes(), "JPEG", progressive=True),
        "grey jpeg": saved(shapes(mode="L"), "JPEG"),
        "cmyk jpeg": saved(shapes(mode="CMYK"), "JPEG"),
        "jpeg on its side": saved(shapes(), "JPEG", exif=exif(6)),
        "png": saved(shapes(), "PNG"),
        "png with alpha": saved(shapes(mode="RGBA"), "PNG"),
        "png with a palette": saved(shapes(mode="P"), "PNG", transparency=3),
        "png of 16 bits": saved(shapes(mode="I;16"), "PNG"),
        "png of one bit": saved(shapes(mode="1"), "PNG"),
        "animated png": saved(frames[0], "PNG", **more),
        "png with exif": saved(shapes(), "PNG", exif=exif(8)),
        "webp": saved(shapes(), "WEBP"),
        "lossless webp": saved(shapes(mode="RGBA"), "WEBP", lossless=True),
        "animated webp": saved(frames[0], "WEBP", **more),
        "gif": saved(shapes(mode="P"), "GIF"),
        "animated gif": saved(frames[0], "GIF", **more),
        "bmp": saved(shapes(), "BMP"),
        "tiff": saved(shapes(), "TIFF"),
        "tiff, deflated": saved(shapes(), "TIFF", compression="tiff_adobe_deflate"),
        "tiff, lzw, cmyk": saved(shapes(mode="CMYK"), "TIFF", compression="tiff_lzw"),
        "tiff of floats": saved(shapes(mode="F"), "TIFF"),
        "tiff of 16 bits": saved(shapes(mode="I;16"), "TIFF"),
        "tiff of pages": saved(frames[0], "TIFF", **more),
        "ppm": saved(shapes(), "PPM"),
        "one pixel": saved(shapes(1, 1), "PNG"),
        "one row": saved(shapes(500, 1), "PNG"),
        "one column": saved(shapes(1, 500), "JPEG"),
    }
    if features.check("avif"):
        made |= {"avif": saved(shapes(), "AVIF"), "animated avif": saved(frames[0], "AVIF", **more)}
    return made


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, *, depth: int = 8, colour: int = 2, data: bytes | None = None, extra: bytes = b""
) -> bytes:
    """A PNG that claims a size; data: its pixels as they lie in it, zeros of the claimed size if not given."""
    if data is None:
        data = zlib.compress(bytes((width * {0: 1, 2: 3, 4: 2, 6: 4}[colour] * depth // 8 + 1) * height), 1)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def claiming(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header tells another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def scans(side: int, count: int) -> bytes:
    """A progressive JPEG of side × side pixels whose last scan comes so many times: little to send, long to decode."""
    data = saved(Image.new("RGB", (side, side)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


@cache
def attacks() -> dict[str, tuple[bytes, str]]:
    """Name → (file, how it must end)."""
    good = seeds()
    jpeg, bomb = good["jpeg"], zlib.compress(bytes(200_000_000), 1)
    others = [shapes(8, 8, "L"), shapes(8, 8)] * 500
    tag = struct.pack("<HHII", 0x0112, 3, 1, 6)
    loop = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 0x8769, 4, 1, 8) + b"\x08\0\0\0"
    wild = b"II*\0\x08\0\0\0" + struct.pack("<H", 60000) + tag * 40
    return {
        "nothing": (b"", "error"),
        "zeros": (bytes(5000), "error"),
        "a claim of 30,000 × 30,000": (png(30_000, 30_000, data=b"x"), "error"),
        "a claim of 2³¹ × 2³¹": (png(2**31 - 1, 2**31 - 1, data=b"x"), "error"),
        "a JPEG that claims 65,500 × 65,500": (claiming(jpeg, 65_500, 65_500), "error"),
        "no width": (png(0, 10), "error"),
        "no height": (png(10, 0), "error"),
        "just too many pixels": (png(7072, 7072, colour=0), "error"),
        "as many pixels as are taken": (png(7070, 7070, colour=0), "result"),
        "as many pixels, with alpha": (png(7070, 7070, colour=6), "result"),
        "as many pixels of 16 bits": (png(7070, 7070, colour=0, depth=16), "result"),
        "as many pixels, on their side": (saved(Image.new("L", (7070, 7070)), "JPEG", exif=exif(6)), "result"),
        "as many floats": (saved(Image.new("F", (7070, 7070)), "TIFF", compression="tiff_adobe_deflate"), "result"),
        "a row without end": (png(40_000_000, 1, colour=0), ""),
        "a column without end": (png(1, 40_000_000, colour=0), ""),
        "a bomb of text": (png(9, 9, extra=chunk(b"zTXt", b"k\0\0" + bomb)), ""),
        "a bomb of a profile": (png(9, 9, extra=chunk(b"iCCP", b"k\0\0" + bomb)), ""),
        "more pixels than claimed": (png(9, 9, data=bomb), ""),
        "1,000 scans": (scans(1500, 1000), "error"),
        "no more scans than are read": (scans(100, 80), "result"),
        "exif that goes round": (saved(shapes(), "JPEG", exif=b"Exif\0\0" + loop), "result"),
        "exif of 60,000 tags": (saved(shapes(), "JPEG", exif=b"Exif\0\0" + wild), "result"),
        "an orientation there isn't": (saved(shapes(), "JPEG", exif=exif(77)), "result"),
        "a picture and a zip": (jpeg + b"PK\3\4" + bytes(40) + b"PK\5\6" + bytes(18), "result"),
        "a picture and a page": (jpeg + b"<html><script>alert(1)</script>", "result"),
        "a page named a picture": (b"GIF89a=1;<script>alert(1)</script>", "error"),
        "PostScript, which is a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n", "error"),
        "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', "error"),
        "1,000 frames": (saved(shapes(8, 8), "GIF", save_all=True, append_images=others), "result"),
        "not a number": (saved(Image.fromarray(np.full((20, 30), np.nan, np.float32)), "TIFF"), "result"),
        "infinite": (saved(Image.fromarray(np.full((20, 30), np.inf, np.float32)), "TIFF"), "result"),
        "negative": (saved(Image.fromarray(np.full((20, 30), -9e9, np.float32)), "TIFF"), "result"),
    }  # fmt: skip
