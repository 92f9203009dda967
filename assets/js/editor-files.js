/** Saving, copying, sharing and opening avatars. */

import { download } from "./dom.js";
import { blobOf } from "./editor-api.js";

const MAX_FILE_SIZE = 100000;
const STICKER_SIZE = 512;

/**
 * What is shown: a drawn avatar, or the data URL of a painted picture.
 *
 * @typedef {object} Shown
 * @property {number} index of the face
 * @property {import("./editor-state.js").Parameters} [parameters]
 * @property {string} [png]
 */

/**
 * @param {object} context
 * @param {(selector: string) => HTMLElement} context.find
 * @param {import("./editor-api.js").EditorApi} context.api
 * @param {(text: string, isError?: boolean) => void} context.say shows a message
 * @param {() => Shown} context.shown
 * @param {(avatar: object, name: string) => void} context.openAvatar is called with the avatar of a file
 * @param {() => import("./editor-state.js").Face[]} context.faces all drawn faces of the picture
 * @returns {Record<string, () => Promise<void>>} actions by name
 */
export function createFileActions({ find, api, say, shown, openAvatar, faces }) {
  const fileName = (suffix) => `emoji-${shown().index + 1}.${suffix}`;
  const selectedSize = () => Number(find('[name="size"]').value);

  const selectedBackground = () => {
    const { value } = find('[name="background"]');
    return value === "own" ? find('[name="paper"]').value : value || null;
  };

  const write = async (format, size = selectedSize()) => {
    const { parameters, png } = shown();
    if (png) return png;
    const options = { size };
    if (format !== "json") options.background = format === "webp" ? null : selectedBackground();
    return api.write(parameters, format, options);
  };

  const save = async (format, size) => {
    const name = fileName(format);  // before the call: another avatar may be edited meanwhile
    const url = await write(format, size);
    if (url) download(url, name);
  };

  const copy = async () => {
    try {
      const picture = write("png").then(blobOf);
      await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
      say("Copied as PNG.");
    } catch {
      say("The browser does not allow copying. Download the PNG instead.", true);
    }
  };

  const share = async () => {
    const name = fileName("png");
    const url = await write("png");
    if (!url) return;
    try {
      await navigator.share({ files: [new File([blobOf(url)], name, { type: "image/png" })] });
    } catch {
      // cancelled by the user
    }
  };

  const saveAll = async () => {
    const avatars = faces().map(({ parameters }, i) => ({ name: `face-${i + 1}`, parameters }));
    const answer = await api.call("pack", { avatars, size: selectedSize() });
    if (answer.url) download(answer.url, "emoji.zip");
  };

  find('[name="background"]').addEventListener("change", ({ target }) => {
    find('[name="paper"]').hidden = target.value !== "own";
  });

  find(".editor-file").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    target.value = "";
    const avatar = file && await readAvatarFile(file, api, say);
    if (avatar) openAvatar(avatar, file.name);
  });

  return {
    open: () => find(".editor-file").click(),
    png: () => save("png"),
    svg: () => save("svg"),
    webp: () => save("webp", STICKER_SIZE),
    json: () => save("json"),
    copy,
    share,
    zip: saveAll,
  };
}

/** Whether the browser can share pictures. */
export function canShare() {
  const example = new File([], "a.png", { type: "image/png" });
  return Boolean(navigator.canShare?.({ files: [example] }));
}

/**
 * Read an avatar file.
 *
 * @returns {Promise<object|null>} parameters and SVG; null if it can't be opened, which is said
 */
async function readAvatarFile(file, api, say) {
  if (file.size > MAX_FILE_SIZE) {
    const megabytes = (file.size / 1e6).toFixed(1);
    say(`${megabytes} MB is too large for an avatar. Open a JSON file that was exported here.`, true);
    return null;
  }
  const answer = await api.call("read", { text: await file.text() });
  return answer.error ? null : answer;
}
