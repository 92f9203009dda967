// Runs once for the result: a click on an emoji in the gallery shows that face's steps.
element.addEventListener("click", (event) => {
  const picked = event.target.closest("[data-pick]");
  if (!picked) return;
  for (const part of element.querySelectorAll("[data-face]")) part.hidden = part.dataset.face !== picked.dataset.pick;
  for (const other of element.querySelectorAll("[data-pick]")) other.setAttribute("aria-pressed", other === picked);
  window.dispatchEvent(new CustomEvent("avatar:pick", { detail: { face: Number(picked.dataset.pick) - 1 } }));
});

// On a phone the result lies below the fold.
watch("value", () => {
  if (window.innerWidth < 700) element.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
});
