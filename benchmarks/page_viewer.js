// Another viewer: gives the page one photo after the other until the tab is closed.
//
// Takes the photo's bytes (Base64); each is a file of its own by a number after its end, so that none was seen before.
// window.answered counts the masks that came.
async (photo) => {
  const INPUT = "#photo input[type=file]", LOOKS_MS = 1500, GIVES_UP_MS = 20000;
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const until = async (is) => {
    for (let waited = 0; !is() && waited < GIVES_UP_MS; waited += 50) await wait(50);
    return is();
  };
  const shown = () => document.querySelector("#result img");
  const bytes = Uint8Array.from(atob(photo), (letter) => letter.charCodeAt(0));
  window.answered = 0;
  for (let number = Date.now(); ; number += 1) {
    const before = shown()?.src, input = document.querySelector(INPUT);
    const carried = new DataTransfer();
    carried.items.add(new File([bytes, String(number)], "other.jpg", { type: "image/jpeg" }));
    input.files = carried.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    if (await until(() => shown()?.complete && shown().src !== before)) window.answered += 1;
    await wait(LOOKS_MS);
  }
}
