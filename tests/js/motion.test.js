import assert from "node:assert/strict";
import { test } from "node:test";

import { cellOf, clamp, FaceMotion, isAbove, layout, placement, smoothstep } from "../../assets/js/motion.js";

const FACE = {
  id: 1, x: 100, y: 80, apart: 40, roll: 0, yaw: 0, pitch: 0, open: 0, wide: 0, smile: 0, brows: [0, 0.5], lids: [1, 0.2],
};

const apply = ([a, b, c, d, e, f], [x, y]) => [a * x + c * y + e, b * x + d * y + f];

function assertClose(actual, expected, tolerance = 1e-9) {
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < tolerance, `${actual} is not ${expected}`));
}

test("clamp keeps values within the limits", () => {
  assert.deepEqual([-1, 0.5, 2].map((value) => clamp(value, 0, 1)), [0, 0.5, 1]);
});

test("smoothstep rises from 0 to 1 and is flat at both ends", () => {
  assert.deepEqual([0, 0.5, 1].map(smoothstep), [0, 0.5, 1]);
  assert.ok(smoothstep(0.01) < 0.001);
});

test("isAbove has hysteresis", () => {
  assert.equal(isAbove(0.45, 0.5, false, 0.1), false);
  assert.equal(isAbove(0.45, 0.5, true, 0.1), true);
  assert.equal(isAbove(0.35, 0.5, true, 0.1), false);
});

test("placement maps the anchor to its target, scaled and rotated clockwise", () => {
  const matrix = placement(2, 90, [10, 20], [300, 400]);
  assertClose(apply(matrix, [10, 20]), [300, 400]);
  assertClose(apply(matrix, [11, 20]), [300, 402]);
});

test("a face glides to its new state, its lids twice as fast", () => {
  const motion = new FaceMotion();
  motion.update(FACE, 1000, 100, true);
  motion.update({ ...FACE, x: 200, lids: [0, 0.2] }, 1100, 100, false);
  assert.equal(motion.at(1100, false, 640).x, 100);
  assert.equal(motion.at(1150, false, 640).x, 150);
  assert.deepEqual(motion.at(1150, false, 640).lids, [0, 0.2]);
  assert.equal(motion.at(1300, false, 640).x, 200);
});

test("a face that was away for long does not glide from its old place", () => {
  const motion = new FaceMotion();
  motion.update(FACE, 1000, 100, true);
  motion.update({ ...FACE, x: 300 }, 9000, 100, true);
  assert.equal(motion.at(9000, false, 640).x, 300);
});

test("a mirrored face swaps sides", () => {
  const motion = new FaceMotion();
  motion.update({ ...FACE, roll: 10, yaw: 0.3 }, 0, 50, true);
  const mirrored = motion.at(0, true, 640);
  assert.equal(mirrored.x, 540);
  assert.deepEqual([mirrored.roll, mirrored.yaw], [-10, -0.3]);
  assert.deepEqual([mirrored.brows, mirrored.lids], [[0.5, 0], [0.2, 1]]);
});

test("the mean position follows slowly", () => {
  const motion = new FaceMotion();
  motion.update(FACE, 0, 50, true);
  motion.update({ ...FACE, x: 200 }, 50, 50, false);
  assertClose(motion.mean, [103, 80, 40]);
});

test("cells do not overlap and stay in their area", () => {
  for (const count of [1, 2, 3, 5, 8]) {
    const cells = Array.from({ length: count }, (_, i) => cellOf([0, 0, 640, 480], i, count));
    for (const [x, y] of cells) assert.ok(x > 0 && x < 640 && y > 0 && y <= 480);
    assert.equal(new Set(cells.map(([x, y]) => `${x} ${y}`)).size, count);
  }
});

test("the picture keeps its ratio in every view", () => {
  for (const view of ["over", "beside"]) {
    for (const [width, height] of [[800, 600], [600, 800], [1920, 400]]) {
      const [, , pictureWidth, pictureHeight] = layout(view, width, height, 4 / 3).picture;
      assertClose([pictureWidth / pictureHeight], [4 / 3]);
    }
  }
  assert.equal(layout("alone", 800, 600, 4 / 3).picture, null);
});
