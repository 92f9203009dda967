/** What concerns the whole page: the tab in its address, file drops, announcements, and workarounds for gradio. */

import { isHidden } from "./dom.js";

const CAMERA_CHECK_INTERVAL = 1000;

/** A file or link that is dropped where no input takes it must not replace the page. */
function preventFileNavigation() {
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => {
      const { types } = event.dataTransfer;
      const isText = event.target.closest?.("input, textarea, [contenteditable]");
      if (types.includes("Files") || (types.includes("text/uri-list") && !isText)) event.preventDefault();
    });
  }
}

/**
 * Announce what appears with a text in data-say, once each.
 *
 * Screen readers often miss a live region that is added together with its text.
 */
function announceChanges() {
  const main = document.querySelector("main");
  const region = Object.assign(document.createElement("div"), { className: "live-region" });
  region.setAttribute("role", "status");
  main.append(region);
  const announced = {};  // ID of a part of the page → its last text

  const announce = (part) => {
    const id = part.closest("[id]")?.id;
    const text = part.dataset.say;
    if (!text || announced[id] === text || isHidden(part)) return;
    announced[id] = text;
    region.textContent = text;
  };

  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "attributes") announce(target);
      for (const node of addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        [node, ...node.querySelectorAll("[data-say]")].forEach(announce);
      }
    }
  }).observe(main, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-say"] });
}

/**
 * Keep gradio's dropdowns closed when the focus leaves them.
 *
 * gradio opens the list on any key, and again on Tab after it has closed it. Tab also goes into a list that scrolls.
 */
function closeDropdownsOnTab() {
  document.addEventListener("keydown", (event) => {
    if (!["Tab", "Shift"].includes(event.key) || !event.target.matches("[role=combobox]")) return;
    event.stopImmediatePropagation();
    const list = document.getElementById(event.target.getAttribute("aria-controls"));
    if (!list) return;
    list.tabIndex = -1;
    list.parentElement.tabIndex = -1;
  }, true);
}

/** Escape closes confirmations and overlays; the focus returns to the button that opened them. */
function closeOnEscape() {
  let opener = null;
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    const overlay = document.querySelector(".api-docs .backdrop");
    const cancel = document.querySelector("#train-no");
    if (overlay) {
      overlay.click();
      document.querySelector(".show-api").focus();
    } else if (cancel && !isHidden(cancel)) {
      cancel.click();
    }
  });
  document.addEventListener("click", ({ target }) => {
    opener = target.closest("#train-delete, #train-force") ?? opener;
    if (target.closest("#train-no")) opener?.focus();
  });
}

/**
 * Turn off cameras that no video of the page shows.
 *
 * gradio's webcam forgets a camera that it requested twice, or that opens after its part of the page is gone. The live
 * avatar keeps its camera in a video outside the page and sets `elsewhere` on the stream.
 */
function stopForgottenCameras() {
  const media = navigator.mediaDevices;
  if (!media) return;
  const streams = new Set();
  const getUserMedia = media.getUserMedia.bind(media);
  media.getUserMedia = async (constraints) => {
    const stream = await getUserMedia(constraints);
    streams.add(stream);
    return stream;
  };
  setInterval(() => {
    const shown = [...document.querySelectorAll("video")].map((video) => video.srcObject);
    for (const stream of streams) {
      if (!stream.elsewhere && !shown.includes(stream)) stream.getTracks().forEach((track) => track.stop());
      if (!stream.active) streams.delete(stream);
    }
  }, CAMERA_CHECK_INTERVAL);
}

/** Keep the open tab in the address: a reload, which gradio also does after a restart of the app, returns to it. */
function keepTabInAddress() {
  const selector = ".pages > .tab-wrapper [role='tab']";
  const hashOf = (tab) => "#" + tab.dataset.tabId;
  document.addEventListener("click", (event) => {
    const tab = event.target.closest(selector);
    if (tab) history.replaceState(null, "", hashOf(tab));
  });
  const wanted = [...document.querySelectorAll(selector)].find((tab) => hashOf(tab) === location.hash);
  window.dispatchEvent(new Event("resize"));  // gradio measured the tabs before they had their style
  if (wanted && wanted.getAttribute("aria-selected") !== "true") wanted.click();
}

/** Put the choice of a style between the switch of modes and their content, where it is seen: it is shared by all modes. */
function placeChoices() {
  document.querySelector(".modes > .tab-wrapper").after(document.querySelector("#choices"));
}

export function mount() {
  placeChoices();
  preventFileNavigation();
  announceChanges();
  closeDropdownsOnTab();
  closeOnEscape();
  stopForgottenCameras();
  keepTabInAddress();
}
