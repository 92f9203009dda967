/** The editor's calls of the server, see dtn_core/ui/tabs/editor.py. */

const NO_ANSWER = "The app does not respond. Is it still running?";

export class EditorApi {
  /**
   * @param {Record<string, (values: object) => Promise<any>>} server
   * @param {(message: string) => void} onerror
   */
  constructor(server, onerror) {
    this.server = server;
    this.onerror = onerror;
    this.styles = {};  // name → description
    this.previews = {};  // slot → {key, pictures} of the latest preview
  }

  /** Call a server function. The answer has `error` if it failed; the message is shown. */
  async call(name, values) {
    let answer;
    try {
      answer = await this.server[name](values);
    } catch {
      answer = { error: NO_ANSWER };
    }
    if (answer.error) this.onerror(answer.error);
    return answer;
  }

  /** @returns {Promise<object|null>} the description of a style; null if the call failed */
  async describe(style) {
    if (!this.styles[style]) {
      const answer = await this.call("describe", { style });
      if (answer.error) return null;
      this.styles[style] = answer;
    }
    return this.styles[style];
  }

  /** @returns {Promise<string[]>} an avatar with each variant of a slot, as SVG; empty if the call failed */
  async preview(parameters, slot) {
    const key = JSON.stringify({ ...parameters, variants: { ...parameters.variants, [slot]: "" } });
    if (this.previews[slot]?.key !== key) {
      const answer = await this.call("preview", { parameters: JSON.parse(JSON.stringify(parameters)), slot });
      if (answer.error) return [];
      this.previews[slot] = { key, pictures: answer.pictures };
    }
    return this.previews[slot].pictures;
  }

  /** @returns {Promise<string|undefined>} the URL of an exported file */
  async write(parameters, format, options) {
    const answer = await this.call("write", { parameters, format, ...options });
    return answer.url;
  }
}

/** Decode a base64 data URL. */
export function blobOf(url) {
  const [header, data] = url.split(",");
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: header.slice("data:".length).split(";")[0] });
}
