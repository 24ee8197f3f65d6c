// Waits for one photo to be given to the page and says when each part of its answer was on screen.
//
// Takes {part: selector}; gives {part: milliseconds} from the `change` event of the photo's input to the frame in which
// all pictures under that selector are decoded, or its text is there; and "trouble", the page's words, where it refuses.
(parts) => new Promise((done) => {
  const at = {};
  let began = null, finished = false;

  const isThere = async (element) => {
    if (element.tagName !== "IMG") return element.textContent.trim() !== "";
    if (!element.complete || !element.naturalWidth) return false;
    await element.decode().catch(() => {});
    return element.isConnected;
  };
  const onScreen = () => new Promise((drawn) => requestAnimationFrame(() => drawn(performance.now() - began)));

  const look = async () => {
    if (began === null || finished) return;
    for (const [part, selector] of Object.entries(parts)) {
      if (part in at) continue;
      const elements = [...document.querySelectorAll(selector)];
      if (!elements.length || !(await Promise.all(elements.map(isThere))).every(Boolean)) continue;
      const now = await onScreen();
      at[part] ??= now; // another look may have been quicker
    }
    const trouble = document.querySelector("#verdict .trouble")?.textContent.trim();
    if (!trouble && Object.keys(parts).some((part) => !(part in at))) return;
    finished = true;
    observer.disconnect();
    document.removeEventListener("load", look, true);
    done(trouble ? { ...at, trouble } : at);
  };

  const observer = new MutationObserver(look);
  observer.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
  document.addEventListener("load", look, true); // of pictures; it does not bubble
  document.addEventListener("change", (event) => {
    if (began === null && event.target.matches?.("#photo input[type=file]")) began = performance.now();
  }, true);
})
