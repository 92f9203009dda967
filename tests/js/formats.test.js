import assert from "node:assert/strict";
import { test } from "node:test";

import { emojiName } from "../../assets/js/batch.js";
import { formatValue, nearestPoint, parsePoints } from "../../assets/js/curves.js";
import { arrange } from "../../assets/js/evidence.js";
import { parseBackground } from "../../assets/js/live-page.js";
import { median } from "../../assets/js/live.js";
import { formatAge } from "../../assets/js/runs.js";
import { describeResult, formatDuration } from "../../assets/js/video.js";

test("ages and durations", () => {
  assert.deepEqual([5, 60, 7300, 90000].map(formatAge), ["just now", "1 min ago", "2 h ago", "1 d ago"]);
  assert.deepEqual([0, 65.4, 600].map(formatDuration), ["0:00", "1:05", "10:00"]);
});

test("values of curves have three digits", () => {
  assert.deepEqual([0, 0.12345, 1234.5, 0.00012].map(formatValue), ["0", "0.123", "1,235", "1.2e-4"]);
});

test("the point under the pointer is the nearest one", () => {
  assert.deepEqual(nearestPoint(parsePoints("1,5 3,7 9,2"), 4), [3, 7]);
});

test("several faces of one photo have distinct names", () => {
  assert.deepEqual([emojiName("a.jpg", 0, 1), emojiName("a.jpg", 1, 2), emojiName("a", 0, 2)], ["a.jpg", "a-2.jpg", "a-1"]);
});

test("the result of a video names what was unusual, and nothing else", () => {
  assert.equal(describeResult({ damaged: false, sound: "copied", with_faces: 10, frames: 10 }), "");
  const text = describeResult({ damaged: true, sound: "none", with_faces: 5, frames: 10 });
  assert.match(text, /50% of the frames.*Damaged parts.*no sound/);
});

test("a background of the live page that is not valid is green", () => {
  const wanted = ["transparent", "ff0000", "red", ""];
  assert.deepEqual(wanted.map(parseBackground), ["", "#ff0000", "#00b140", "#00b140"]);
});

test("the median of no values is 0", () => {
  assert.deepEqual([median([]), median([3, 1, 2])], [0, 2]);
});

test("charts on a sheet do not overlap", () => {
  const cells = Array.from({ length: 7 }, (_, i) => ({ width: 400, height: 100 + i, lines: ["a"] }));
  const { places, height } = arrange(cells);
  for (const a of places) {
    assert.ok(a.x + a.width <= 1280 && a.y + a.height + a.captionHeight <= height);
    for (const b of places) {
      if (a === b) continue;
      assert.ok(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y);
    }
  }
});
