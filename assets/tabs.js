// Runs once for the page. The opened tab stands in the address, so that a reload, which gradio also does by itself after a
// restart of the app, comes back to it. A file that is dropped where nothing takes it doesn't replace the page.
() => {
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
  const tabs = () => [...document.querySelectorAll(".pages > .tab-wrapper [role='tab']")];
  const name = (tab) => "#" + tab.dataset.tabId;
  document.addEventListener("click", (event) => {
    const tab = event.target.closest(".pages > .tab-wrapper [role='tab']");
    if (tab) history.replaceState(null, "", name(tab));
  });
  const wanted = tabs().find((tab) => name(tab) === location.hash);
  if (wanted && wanted.getAttribute("aria-selected") !== "true") wanted.click();
}
