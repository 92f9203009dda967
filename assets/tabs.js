// Runs once for the page. The opened tab stands in the address, so that a reload, which gradio also does by itself after a
// restart of the app, comes back to it. A file that is dropped where nothing takes it doesn't replace the page. What appears with words in
// data-say is said by screen readers, each once: a region that comes with its words often isn't.
() => {
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
  const heard = Object.assign(document.createElement("div"), { className: "heard", role: "status" });
  document.querySelector("main").append(heard);
  const said = {};  // id of a part of the page → words
  const say = (part) => {
    const place = part.closest("[id]")?.id, words = part.dataset.say;
    if (!words || said[place] === words || !part.offsetParent) return;
    heard.textContent = said[place] = words;
  };
  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "attributes") say(target);
      for (const one of addedNodes) {
        if (one.nodeType === 1) [one, ...one.querySelectorAll("[data-say]")].forEach(say);
      }
    }
  }).observe(document.querySelector("main"), { subtree: true, childList: true, attributes: true, attributeFilter: ["data-say"] });
  // gradio opens a list at any key, and by Tab anew after it has closed it: it would stay open over the page. And Tab goes
  // into what scrolls, such as a long list that is about to close.
  document.addEventListener("keydown", (event) => {
    if (!["Tab", "Shift"].includes(event.key) || !event.target.matches("[role=combobox]")) return;
    event.stopImmediatePropagation();
    const list = document.getElementById(event.target.getAttribute("aria-controls"));
    if (list) list.tabIndex = list.parentElement.tabIndex = -1;
  }, true);
  // Escape closes what asks, or lies over the page; the focus goes back to what opened it.
  let asked = null;
  document.addEventListener("keydown", ({ key }) => {
    const over = document.querySelector(".api-docs .backdrop"), no = document.querySelector("#train-no");
    if (key !== "Escape") return;
    if (over) {
      over.click();
      document.querySelector(".show-api").focus();
    } else if (no?.offsetParent) no.click();
  });
  document.addEventListener("click", ({ target }) => {
    const ask = target.closest("#train-delete, #train-force");
    if (ask) asked = ask;
    if (target.closest("#train-no")) asked?.focus();
  });
  // gradio's webcam forgets a camera that it asked for twice, or that comes once its part of the page has gone. What no
  // video of the page shows is switched off; live.js shows its own elsewhere, and says so.
  const media = navigator.mediaDevices, cameras = new Set();
  if (media) {
    const ask = media.getUserMedia.bind(media);
    media.getUserMedia = async (wanted) => {
      const stream = await ask(wanted);
      cameras.add(stream);
      return stream;
    };
    setInterval(() => {
      const shown = [...document.querySelectorAll("video")].map((video) => video.srcObject);
      for (const stream of cameras) {
        if (!stream.elsewhere && !shown.includes(stream)) stream.getTracks().forEach((track) => track.stop());
        if (!stream.active) cameras.delete(stream);
      }
    }, 1000);
  }
  const tabs = () => [...document.querySelectorAll(".pages > .tab-wrapper [role='tab']")];
  const name = (tab) => "#" + tab.dataset.tabId;
  document.addEventListener("click", (event) => {
    const tab = event.target.closest(".pages > .tab-wrapper [role='tab']");
    if (tab) history.replaceState(null, "", name(tab));
  });
  const wanted = tabs().find((tab) => name(tab) === location.hash);
  window.dispatchEvent(new Event("resize"));  // gradio measured the tabs before they had their style
  if (wanted && wanted.getAttribute("aria-selected") !== "true") wanted.click();
}
