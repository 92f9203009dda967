// Runs once for the page: the opened tab stands in the address, so that a reload, which gradio also does by itself after a
// restart of the app, comes back to it.
() => {
  const rooms = () => [...document.querySelectorAll(".rooms > .tab-wrapper [role='tab']")];
  const name = (room) => "#" + room.dataset.tabId;
  document.addEventListener("click", (event) => {
    const room = event.target.closest(".rooms > .tab-wrapper [role='tab']");
    if (room) history.replaceState(null, "", name(room));
  });
  const wanted = rooms().find((room) => name(room) === location.hash);
  if (wanted && wanted.getAttribute("aria-selected") !== "true") wanted.click();
}
