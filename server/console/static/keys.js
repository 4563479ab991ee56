// Every act has a key; `?` shows them. Elements say their own key with data-key.

function typing(target) {
  return target instanceof Element && target.closest("input, select, textarea, [contenteditable]") !== null;
}

function step(by) {
  const links = [...document.querySelectorAll("#queue .alarm > a")];
  if (links.length === 0) return;
  const now = links.findIndex((link) => link === document.activeElement || link.hasAttribute("aria-current"));
  const next = links[Math.min(links.length - 1, Math.max(0, now + by))];
  next.focus();
}

export function listenToKeys() {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.querySelector("#close-box[open]")?.removeAttribute("open");
      for (const menu of document.querySelectorAll(".menu[open]")) menu.removeAttribute("open");
      if (typing(event.target)) event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if (key === "?") return void document.getElementById("keys")?.showModal();
    if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
    const target = /^[a-z]$/.test(key) ? document.querySelector(`[data-key="${key}"]`) : null;
    if (target === null) return;
    event.preventDefault();
    if (target.matches("textarea, input")) target.focus();
    else target.click();
    if (target.matches("summary")) target.parentElement.querySelector("select, input:not([type=hidden])")?.focus();
  });
}
