import assert from "node:assert/strict";
import { test } from "node:test";

import { coalesce } from "../../assets/js/dom.js";
import { settingOf } from "../../assets/js/editor-view.js";
import { formatEdit, largestFace, parseEdit } from "../../assets/js/live-page.js";

test("an edit survives in the hash of an address", () => {
  const edit = { parameters: { style: "lorelei", colours: { hair: "#123456" } }, edited: ["colour:hair"] };
  const page = new URL("http://localhost/live?mirror=1");
  page.hash = formatEdit(edit);
  assert.deepEqual(parseEdit(page.hash), edit);
  assert.ok(!page.search.includes("lorelei"), "servers and logs see the query");
});

test("a hash without an edit is ignored", () => {
  for (const hash of ["", "#", "#%", "#{}", "#3", "#null", `#${encodeURIComponent('{"parameters": {}}')}`]) {
    assert.equal(parseEdit(hash), null);
  }
});

test("the largest face has its eyes the farthest apart", () => {
  assert.equal(largestFace([{ id: 1, apart: 40 }, { id: 2, apart: 60 }, { id: 3, apart: 50 }]).id, 2);
});

test("calls during a run lead to one more run", async () => {
  let runs = 0;
  const release = [];
  const run = coalesce(() => new Promise((resolve) => {
    runs += 1;
    release.push(resolve);
  }));
  const first = run();
  run();
  run();
  assert.equal(runs, 1);
  release[0]();
  await first;
  assert.equal(runs, 2);
});

test("inputs of the editor name their setting", () => {
  const radio = (name, value) => ({ name, value, dataset: {}, getAttribute: () => "A label" });
  assert.deepEqual(settingOf(radio("slot:top", "bob")), { name: "top", value: "bob", label: "A label" });
  const colour = { name: "colour:hair", value: "#123456", label: "hair colour #123456" };
  assert.deepEqual(settingOf(radio("colour:hair", "#123456")), colour);
  assert.deepEqual(settingOf({ name: "", value: "#123456", dataset: { name: "colour:hair" } }), colour);
  const slider = settingOf({ name: "", value: "0.25", dataset: { name: "shape:width" } });
  assert.deepEqual(slider, { name: "shape:width", value: 0.25, label: "" });
});
