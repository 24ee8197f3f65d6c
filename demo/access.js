// What Gradio leaves undone for those who hear the page or walk it with the keyboard: each place that takes a file says
// which, pictures that were chosen and charts have a text, choices are one stop, and what changes by itself is said.

const WAIT_MS = 200; // after the page changed, before it is looked through again
const SPOKEN = "#verdict, #speed"; // stay where they are while what is in them changes

const set = (each, name, value) => { if (each.getAttribute(name) !== value) each.setAttribute(name, value); };
const text = (each) => each?.textContent.replace(/\s+/g, " ").trim() ?? "";
const labelOf = (each) => text(each.closest(".block")?.querySelector("label[data-testid=block-label], [data-testid=block-info]"));

// "Latency: PyTorch 111 ms; TorchScript 78.6 ms, 1.4x": the rows where each has its words, else all that is written.
function wordsOf(plot) {
  const all = (selector) => [...plot.querySelectorAll(selector)].map(text).filter(Boolean);
  const rows = all(".ytick text"), words = all(".textpoint text, .bartext, .annotation-text");
  const said = rows.length === words.length ? rows.map((row, index) => `${row} ${words[index]}`) : [...words, ...all(".xtitle, .ytitle")];
  return [labelOf(plot), said.join("; ")].filter(Boolean).join(": ");
}

function name() {
  document.querySelectorAll("button[aria-label*='to upload']").forEach((each) => {
    set(each, "aria-label", `${labelOf(each) || "File"}: drop a file here, or press to choose one`);
  });
  document.querySelectorAll(".image-frame img, .image-container img").forEach((each) => { if (!each.alt) each.alt = `${labelOf(each) || "Picture"}, as it was chosen`; });
  document.querySelectorAll(".js-plotly-plot").forEach((each) => {
    const [drawing, ...others] = each.querySelectorAll(".main-svg"); // its buttons lie beside them
    if (drawing) { set(drawing, "role", "img"); set(drawing, "aria-label", wordsOf(each)); }
    others.forEach((other) => set(other, "aria-hidden", "true"));
  });
  document.querySelectorAll("[aria-controls='']").forEach((each) => each.removeAttribute("aria-controls"));
  document.querySelectorAll(".code_wrap button:not([aria-label])").forEach((each) => set(each, "aria-label", "Copy"));
  document.querySelectorAll(".prose pre, .prose .scroll, .many-troubles").forEach((each) => {
    const scrolls = each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight;
    scrolls ? set(each, "tabindex", "0") : each.removeAttribute("tabindex");
  });
  document.querySelectorAll("fieldset.block").forEach((each) => set(each, "aria-label", labelOf(each.firstElementChild)));
  // Radio buttons of one choice, one stop of the Tab key, between which the arrow keys move.
  document.querySelectorAll("fieldset.block:has(input[type=radio])").forEach((group, index) => {
    group.querySelectorAll("input[type=radio]").forEach((each) => set(each, "name", `choice-${group.id || index}`));
  });
  document.querySelectorAll("footer img").forEach((each) => { if (each.alt) each.alt = ""; });
  document.querySelectorAll(SPOKEN).forEach((each) => set(each, "aria-live", "polite"));
}

let waiting = 0;
const watcher = new MutationObserver(() => {
  if (!element.isConnected) return watcher.disconnect();
  waiting ||= setTimeout(() => { waiting = 0; name(); }, WAIT_MS);
});
watcher.observe(document.body, { childList: true, subtree: true });
name();
