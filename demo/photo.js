// The Photo tab in the browser: files dropped or pasted anywhere find their place, the old result is dimmed while a new one
// is made, a picture that the browser cannot show gets a preview, and a lost connection is said.

const PHOTO = "#photo input[type=file]", MANY = "#many input[type=file]", CLIP = "#clip input[type=file]";
const APPEARS_WITHIN_MS = 4000;
const SHOWN_WITHIN_MS = 5000; // a photo, once it was handed over
const LOOK_MS = 5000; // between two looks at whether the server is there

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// An input that may have to be brought up first: a component that shows a file has none.
async function inputOf(selector) {
  for (let waited = 0; waited < APPEARS_WITHIN_MS; waited += 50) {
    const input = document.querySelector(selector);
    if (input) return input;
    await wait(50);
  }
  return null;
}

async function give(selector, files) {
  const input = await inputOf(selector);
  if (!input) return;
  const carried = new DataTransfer();
  files.forEach((file) => carried.items.add(file));
  input.files = carried.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

const isVideo = (file) => file.type.startsWith("video/") || /\.(mp4|mov|webm|mkv|avi)$/i.test(file.name);

// One upload after the other, of photos that come meanwhile the newest alone: of several at once the slowest would stay.
const shownPhoto = () => document.querySelector("#photo img")?.src;
let newest = null, isHanding = false;
async function givePhoto(file) {
  newest = file;
  if (isHanding) return;
  isHanding = true;
  document.querySelector("#many-close")?.click();
  while (newest) {
    const [now, before] = [newest, shownPhoto()];
    newest = null;
    await give(PHOTO, [now]);
    for (let waited = 0; waited < SHOWN_WITHIN_MS && shownPhoto() === before && !document.querySelector(".toast-body"); waited += 20) await wait(20);
  }
  isHanding = false;
}

const isPicture = (file) => file.type.startsWith("image/") || /\.(hei[cf]|tiff?|avif|webp|jpe?g|png|gif|bmp)$/i.test(file.name);

async function route(files) {
  if (!files.length) return;
  if (files.length === 1 && !isVideo(files[0]) && !isPicture(files[0])) {
    return say(`${files[0].name} is not a picture we can read. Drop a JPEG, PNG, WebP, HEIC or TIFF, or a clip.`, 8000);
  }
  if (files.length === 1 && isVideo(files[0])) {
    [...document.querySelectorAll("button[role=tab]")].find((tab) => tab.textContent.trim() === "Video")?.click();
    return give(CLIP, files);
  }
  if (files.length === 1) return givePhoto(files[0]);
  return give(MANY, files);
}

// Other places that take files keep them; everywhere else a file is for the Photo tab, while that is seen.
const photoIsSeen = () => ["#photo", "#many-section"].some((place) => document.querySelector(place)?.offsetParent);
const hasOtherTaker = (target) => {
  const block = target.closest?.(".block, .form, [data-testid=file-upload]")?.closest(".block");
  return block && block.id !== "photo" && block.querySelector("input[type=file]");
};

function takesFiles(event) {
  return photoIsSeen() && [...(event.dataTransfer?.types ?? [])].includes("Files") && !hasOtherTaker(event.target);
}

document.addEventListener("dragover", (event) => { if (takesFiles(event)) event.preventDefault(); }, true);
document.addEventListener("drop", (event) => {
  if (!takesFiles(event)) return;
  event.preventDefault();
  event.stopPropagation();
  route([...event.dataTransfer.files]);
}, true);
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length || !photoIsSeen() || hasOtherTaker(event.target)) return;
  event.preventDefault();
  event.stopPropagation();
  route(files);
}, true);

// The dialog takes several files as well, and its symbol opens it, also where a photo is shown already.
const takeSeveral = () => document.querySelectorAll(PHOTO).forEach((input) => { input.multiple = true; });
setInterval(takeSeveral, 1000);
takeSeveral();
document.addEventListener("change", (event) => {
  if (!event.target.matches?.(PHOTO) || event.target.files.length < 2) return;
  event.stopImmediatePropagation();
  route([...event.target.files]);
}, true);
document.addEventListener("click", (event) => {
  if (!event.target.closest?.('#photo .source-selection button[aria-label="Upload file"]')) return;
  const input = document.querySelector(PHOTO);
  if (!input || document.querySelector("#photo video")) return;
  event.stopImmediatePropagation();
  input.click();
}, true);

// The old result is dimmed from the moment on that another photo was chosen.
const OLD = "#verdict, #result, #speed, #more, #answer .empty";
const dimmed = () => document.querySelectorAll(OLD).forEach((each) => each.classList.add("answering"));
const undimmed = () => document.querySelectorAll(".answering").forEach((each) => each.classList.remove("answering"));
document.addEventListener("change", (event) => { if (event.target.matches?.(PHOTO) && event.target.files.length) dimmed(); }, true);
document.addEventListener("click", (event) => { if (event.target.closest?.("#examples button, #examples .gallery-item, #photo .capture button")) dimmed(); }, true);
window.whiskerUndim = undimmed;
const answers = new MutationObserver(() => { undimmed(); showPreview(); });
const watchAnswer = () => {
  const places = document.querySelectorAll("#verdict, #result");
  if (places.length < 2) return setTimeout(watchAnswer, 200);
  places.forEach((place) => answers.observe(place, { childList: true, subtree: true, characterData: true }));
};
watchAnswer();
// A word of Gradio's own means that there will be no other answer: a file that it refuses, an upload that failed.
new MutationObserver(() => { if (document.querySelector(".toast-body")) undimmed(); }).observe(document.body, { childList: true, subtree: true });

// The examples say what they are.
const nameExamples = () => {
  const pictures = document.querySelectorAll("#examples img");
  if (!pictures.length) return setTimeout(nameExamples, 200);
  pictures.forEach((each) => { each.alt = `Example: ${each.src.split("/").pop().replace(/[.]jpg.*$/, "").replaceAll("-", " ")}`; });
};
nameExamples();

// HEIC and TIFF are shown as the server read them.
function showPreview() {
  const preview = document.querySelector("#result [data-preview]")?.dataset.preview;
  const picture = document.querySelector("#photo img");
  if (!preview || !picture || picture.naturalWidth) return;
  if (picture.complete) picture.src = preview;
  else picture.addEventListener("error", showPreview, { once: true });
}

// A camera that does not start says why; Gradio's own input keeps silent.
const CAMERA_TROUBLE = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it beside the page's address, then try again.",
  NotFoundError: "No camera was found on this device. Connect one, or choose a file instead.",
  NotReadableError: "The camera is in use by another program. Close that one, then try again.",
};
window.addEventListener("unhandledrejection", ({ reason }) => {
  const trouble = CAMERA_TROUBLE[reason?.name];
  if (!trouble || !photoIsSeen()) return;
  say(trouble, 8000);
});

// --- The connection -------------------------------------------------------------------------------------------------

const banner = Object.assign(document.createElement("div"), { id: "connection", hidden: true });
banner.setAttribute("role", "status");
(document.querySelector(".gradio-container .contain") ?? document.body).append(banner);
const started = window.gradio_config?.app_id;

function say(text, forMs = 0) {
  banner.textContent = text;
  banner.hidden = !text;
  if (forMs) setTimeout(() => { if (banner.textContent === text) say(""); }, forMs);
}

let lost = false;
async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch("gradio_api/app_id", { cache: "no-store" });
    const { app_id: now } = await answer.json();
    const restarted = started && now && String(now) !== String(started);
    if (restarted) say("The server was restarted. What is on screen stays; load the page again before the next photo.");
    else if (lost) say("");
    lost = false;
  } catch {
    lost = true;
    say("The server does not answer. What is on screen stays; new photos must wait until it is back.");
  }
}
const looking = setInterval(() => { if (!element.isConnected) { clearInterval(looking); return banner.remove(); } look(); }, LOOK_MS);
