// Runs once for the list of trainings: a click chooses one; their ages stay fresh.
const ago = (seconds) => {
  for (const [size, word] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    const count = Math.floor(seconds / size);
    if (count) return count + " " + word + " ago";
  }
  return "just now";
};

element.addEventListener("click", (event) => {
  const row = event.target.closest("[data-run]");
  if (row) trigger("pick", { run: row.dataset.run });
});

setInterval(() => {
  if (!element.offsetParent) return;
  for (const when of element.querySelectorAll("time")) {
    if (when.dataset.at > 0) when.textContent = ago(Date.now() / 1000 - when.dataset.at);
  }
}, 20000);
