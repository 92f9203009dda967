// Shared by the inputs of pictures: a file comes by the chooser, by drop or by paste, and goes to the input's `send`.
// `element` is the input's root, `props.value` what Python gets, `trigger` fires an event.
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

find("file").addEventListener("change", (event) => {
  if (event.target.files[0]) read(event.target.files[0]);
  event.target.value = "";
});

element.addEventListener("dragover", (event) => { event.preventDefault(); find("stage").classList.add("over"); });
element.addEventListener("dragleave", () => find("stage").classList.remove("over"));
element.addEventListener("drop", (event) => {
  event.preventDefault();
  find("stage").classList.remove("over");
  if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
});

document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData ? event.clipboardData.files : [])][0];
  if (file && element.offsetParent) read(file);
});
