import assert from "node:assert/strict";
import { test } from "node:test";

import { EditorState, getSetting, setSetting } from "../../assets/js/editor-state.js";
import { measuredColour } from "../../assets/js/editor-view.js";

const parameters = () => ({
  style: "avataaars", variants: { top: "bob", mouth: "smile" }, colours: { hair: "#111111" }, shape: { width: 0 },
});

function open(count = 1) {
  const editor = new EditorState();
  const faces = Array.from({ length: count }, () => ({ parameters: parameters(), chosen: parameters() }));
  editor.open({ id: "photo", key: "a", mirror: false, faces });
  return editor;
}

test("settings are addressed by name", () => {
  const values = parameters();
  setSetting(values, "top", "frida");
  setSetting(values, "colour:hair", "#ff0000");
  setSetting(values, "shape:width", 0.5);
  assert.deepEqual(["top", "colour:hair", "shape:width"].map((name) => getSetting(values, name)), ["frida", "#ff0000", 0.5]);
});

test("a change can be undone and redone", () => {
  const editor = open();
  assert.equal(editor.change("top", "frida", 0), true);
  assert.deepEqual(editor.face.edited, ["top"]);
  assert.equal(editor.undo(), true);
  assert.deepEqual([editor.face.parameters, editor.face.edited], [parameters(), []]);
  assert.equal(editor.redo(), true);
  assert.equal(editor.face.parameters.variants.top, "frida");
  assert.equal(editor.redo(), false);
});

test("the current value is no change", () => {
  const editor = open();
  assert.equal(editor.change("top", "bob", 0), false);
  assert.equal(editor.undo(), false);
});

test("quick changes of one setting are one step", () => {
  const editor = open();
  for (let i = 1; i <= 5; i++) editor.change("shape:width", i / 10, 100 * i);
  editor.change("shape:width", 0.9, 5000);
  assert.equal(editor.face.undo.length, 2);
  editor.undo();
  assert.equal(editor.face.parameters.shape.width, 0.5);
});

test("a new change discards what could be redone", () => {
  const editor = open();
  editor.change("top", "frida", 0);
  editor.undo();
  editor.change("mouth", "sad", 1);
  assert.equal(editor.redo(), false);
});

test("the same picture continues its faces, in reverse order once it is mirrored", () => {
  const editor = open(2);
  const [left, right] = editor.subject.faces;
  const again = { id: "photo", key: "a", mirror: true, faces: [{}, {}] };
  assert.deepEqual(editor.previousFaces({ ...again, mirror: false }), [left, right]);
  assert.deepEqual(editor.previousFaces(again), [right, left]);
  assert.deepEqual(editor.previousFaces({ ...again, key: "b" }), []);
  assert.deepEqual(editor.previousFaces({ ...again, faces: [{}] }), []);
});

test("the undo history is not stored", () => {
  const editor = open();
  editor.change("top", "frida", 0);
  const [face] = editor.saved().faces;
  assert.deepEqual(["undo" in face, "redo" in face, face.edited], [false, false, ["top"]]);
});

test("only colours measured in the photo are offered as measured", () => {
  const face = { measured: ["hair"], chosen: { colours: { hair: "#123456", hat: "#000000" } } };
  assert.equal(measuredColour(face, "hair"), "#123456");
  assert.equal(measuredColour(face, "hat"), undefined);
  assert.equal(measuredColour({ chosen: face.chosen }, "hair"), undefined);
});
