// Runs once for the list of trainings: a click chooses one; their ages stay fresh.
const ago = (seconds) => {
  for (const [size, word] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    const count = Math.floor(seconds / size);
    if (count) return count + " " + word + (count > 1 ? "s" : "") + " ago";
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
