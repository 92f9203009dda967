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

// Many runs are searched: by words of their names, notes and states.
const MANY = 8;
const search = document.createElement("input");
search.type = "search";
search.className = "run-search";
search.placeholder = "Search runs";
search.setAttribute("aria-label", search.placeholder);
const nothing = document.createElement("p");
nothing.className = "run-nothing";
nothing.setAttribute("role", "status");

const filter = () => {
  const rows = [...element.querySelectorAll("[data-run]")];
  search.hidden = rows.length < MANY;
  const words = search.hidden ? [] : search.value.toLowerCase().split(/\s+/);
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  nothing.textContent = rows.length && rows.every((row) => row.hidden) ? "No matching runs." : "";
};

search.addEventListener("input", filter);
element.before(search);
element.after(nothing);
new MutationObserver(filter).observe(element, { childList: true, subtree: true });
filter();
