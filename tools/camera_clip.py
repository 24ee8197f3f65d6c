"""A clip for Chromium's fake camera, made by code: a real cat that moves, and a bar code that says which frame it is.

Chromium takes `--use-file-for-fake-video-capture=clip.mjpeg`, JPEG files one after another, and plays it in a loop at
30 frames a second. The bar code is a strip below the picture: blocks of 40 px, black or white, which survive a camera's
JPEG and that of the answer, also at 0.4 of the size. The effects overlay, outline and blur leave it alone.
"""

import math
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, FPS, SECONDS = 640, 480, 30, 10
FRAMES = FPS * SECONDS
BLOCKS = 16
BLOCK, STRIP, MARGIN = WIDTH // BLOCKS, 40, 24  # px: width of a block, height of the strip, grey ground above it
NUMBER_BITS = 9  # 300 frames
CHECK = 31  # what is left of the number by this is there as well, in five bits
GREY = 90
CAT = Path(__file__).resolve().parent.parent / "demo" / "examples" / "cat.jpg"

# JavaScript, for a page whose camera plays the clip: what somebody outside sees of it. `readCode(source)` reads the bar
# code of a video or canvas, in the middle of each block: the number, or -1 where there is none. `outside` collects
#   seen      [code of the first canvas, of the second, when]: after each frame of the display, where the first changed
#   told      [what the page has counted as shown, its latency, how many are in `seen`, when]: each time the page says
#             so, which is once a second, of that second
#   captured  [code, when the camera had it], once `outside.openCamera()` was called: the camera opened a second time
OUTSIDE = """
const readCode = (() => {
  const small = Object.assign(document.createElement("canvas"), { width: 16, height: 1 });
  const pen = small.getContext("2d", { willReadFrequently: true });
  return (source) => {
    const width = source.videoWidth || source.width, height = source.videoHeight || source.height;
    if (!width || !height) return -1;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(source, 0, height * (1 - 20 / 480), width, 2, 0, 0, 16, 1);
    const seen = pen.getImageData(0, 0, 16, 1).data;
    const bits = Array.from({ length: 16 }, (_, index) => seen[4 * index + 1] > 128 ? 1 : 0);
    const value = (list) => list.reduce((sum, bit) => 2 * sum + bit, 0);
    const number = value(bits.slice(2, 11));
    return bits[0] === 1 && bits[1] === 0 && value(bits.slice(11)) === number % 31 ? number : -1;
  };
})();
window.outside = {
  seen: [], told: [], captured: [],
  clear() { this.seen = []; this.told = []; this.captured = []; },
  watch() {
    const canvases = [0, 1].map((index) => document.querySelector(`[data-live=canvas${index}]`));
    const root = document.querySelector(".live");
    let last = null;
    const look = () => {
      const codes = canvases.map(readCode);
      if (codes[0] !== last) outside.seen.push([...codes, performance.now()]);
      last = codes[0];
    };
    // A message posted in an animation frame is read when that frame's drawing is done.
    const afterFrame = new MessageChannel();
    afterFrame.port1.onmessage = look;
    const tick = () => { requestAnimationFrame(tick); afterFrame.port2.postMessage(0); };
    tick();
    const note = () => {
      const { shown, latencyMs } = root.dataset;
      outside.told.push([Number(shown), Number(latencyMs), outside.seen.length, performance.now()]);
    };
    new MutationObserver(note).observe(root, { attributeFilter: ["data-shown"] });
  },
  async openCamera() {
    const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
    await video.play();
    const next = () => video.requestVideoFrameCallback((now, metadata) => {
      next();
      outside.captured.push([readCode(video), metadata.captureTime]);
    });
    next();
  },
};
outside.watch();
"""


def bits(number: int) -> list[int]:
    """White (1) and black (0) blocks from left to right: a white and a black one, nine of the number, five to check.

    Example:
        5 is 1 0, 0 0000 0101, 0 0101.
    """
    return [1, 0, *map(int, f"{number:0{NUMBER_BITS}b}"), *map(int, f"{number % CHECK:05b}")]


def read_code(image: np.ndarray) -> int:
    """The number of a frame, -1 where it cannot be read; image uint8 (H, W, 3) of any size."""
    height, width = image.shape[:2]
    row = image[round(height * (1 - STRIP / 2 / HEIGHT))].mean(axis=1)
    seen = [int(row[int((index + 0.5) * width / BLOCKS)] > 128) for index in range(BLOCKS)]
    number = int("".join(map(str, seen[2 : 2 + NUMBER_BITS])), 2)
    return number if seen == bits(number) else -1


def draw_frame(cat: np.ndarray, number: int, coded: bool = True) -> np.ndarray:
    """A frame of the clip: uint8 (480, 640, 3) BGR. The last one leads over to the first.

    Args:
        cat: uint8 (H, W, 3) BGR.
        number: from 0 to `FRAMES`.
        coded: whether the bar code is below the picture; without it the picture fills the frame.
    """
    phase = 2 * math.pi * number / FRAMES
    height = HEIGHT - STRIP - MARGIN if coded else HEIGHT
    zoom = (1.25 + 0.12 * math.sin(2 * phase)) * max(WIDTH / cat.shape[1], height / cat.shape[0])
    room_x, room_y = WIDTH - zoom * cat.shape[1], height - zoom * cat.shape[0]
    left, top = room_x * (0.5 + 0.4 * math.sin(phase)), room_y * (0.5 + 0.4 * math.cos(phase))
    frame = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    frame[:height] = cv2.warpAffine(cat, np.array([[zoom, 0, left], [0, zoom, top]], np.float32), (WIDTH, height))
    if coded:
        frame[-STRIP:] = np.repeat(np.array(bits(number), np.uint8) * 255, BLOCK)[None, :, None]
    return frame


def write_clip(path: Path, coded: bool = True) -> Path:
    """Writes the clip, ten seconds in about 15 MB; `coded` as in `draw_frame`."""
    cat = cv2.imread(str(CAT))
    assert cat is not None  # it is a part of the project
    with path.open("wb") as file:
        for number in range(FRAMES):
            file.write(
                cv2.imencode(".jpg", draw_frame(cat, number, coded), [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
            )
    return path
