// Shared by the inputs of pictures: files come by the chooser, by drop or by paste, and go to the input's `take`; `read`
// gives the data URL of one to its `send`. `element` is the input's root, `props.value` what Python gets, `trigger` fires an event.
const find = (name) => element.querySelector(".photo-" + name);

const note = (text) => { find("note").textContent = text; };

const read = (file) => {
  if (file.size > MAX_BYTES) {
    note("This file is too large (" + Math.round(file.size / 1e6) + " MB). Choose a smaller picture.");
    return;
  }
  const reader = new FileReader();
  reader.onload = () => send(reader.result);
  reader.onerror = () => note("The browser could not read this file.");
  reader.readAsDataURL(file);
};

// What buttons do, by their names; the stage, and the button "choose", open the chooser.
const buttons = (acts) => {
  const choose = () => find("file").click(), all = Object.entries({ choose, stage: choose, ...acts });
  element.addEventListener("click", (event) => {
    for (const [name, act] of all) if (event.target.closest(".photo-" + name)) return act();
  });
  find("stage").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  });
};

find("file").addEventListener("change", (event) => {
  const files = [...event.target.files];
  event.target.value = "";
  if (files.length) take(files);
});

// The whole page takes what is dropped or pasted, for the input that is in view.
const drag = (over) => find("stage").classList.toggle("over", over && element.offsetParent !== null);
document.addEventListener("dragover", () => drag(true));
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drag(false); });
for (const [kind, data] of [["drop", "dataTransfer"], ["paste", "clipboardData"]]) {
  document.addEventListener(kind, (event) => {
    drag(false);
    const files = [...event[data]?.files ?? []];
    if (files.length && element.offsetParent && !event.defaultPrevented) take(files);
  });
}
