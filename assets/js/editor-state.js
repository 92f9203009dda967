/** What the editor edits: the avatars of a picture, their undo history, and a copy that survives a reload. */

/** Key in sessionStorage: it outlives a reload, not the tab. */
const STORAGE_KEY = "dtn-avatars";

/** Changes of one setting within this many milliseconds are one undo step, as when a slider is dragged. */
const MERGE_INTERVAL = 800;

/**
 * Parameters of an avatar, see dtn_core/avatars/parameters.py.
 *
 * @typedef {{style: string, variants: object, colours: object, shape: object}} Parameters
 */

/**
 * An avatar being edited.
 *
 * @typedef {object} Face
 * @property {Parameters} parameters
 * @property {Parameters} chosen by the network
 * @property {Record<string, number>} sure what it depicts → confidence
 * @property {Record<string, Record<string, number>>} likely setting → value → probability
 * @property {string[]} measured names of the colours that were measured in the photo
 * @property {string[]} edited names of the settings that were changed by hand
 * @property {string} svg
 * @property {number[]} [box] of the face in the photo
 * @property {object[]} undo
 * @property {object[]} redo
 */

/**
 * The avatars of one picture.
 *
 * @typedef {object} Subject
 * @property {string} id "photo", "file", or that of a picture in another mode
 * @property {string} name
 * @property {string} key of the picture: under the same key, edits are kept
 * @property {boolean} [mirror]
 * @property {number} face index of the one being edited
 * @property {Face[]} faces
 */

export const copy = (value) => JSON.parse(JSON.stringify(value));
export const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);

const GROUPS = { variant: "variants", colour: "colours", shape: "shape" };

/** Split the name of a setting, such as "top", "colour:hair" or "shape:width", into its group and key. */
function locate(name) {
  const [kind, key] = name.includes(":") ? name.split(":") : ["variant", name];
  return [GROUPS[kind], key];
}

/** @param {Parameters} parameters @param {string} name */
export function getSetting(parameters, name) {
  const [group, key] = locate(name);
  return parameters[group][key];
}

/** @param {Parameters} parameters @param {string} name */
export function setSetting(parameters, name, value) {
  const [group, key] = locate(name);
  parameters[group][key] = value;
}

const snapshot = ({ parameters, edited }) => copy({ parameters, edited });

export class EditorState {
  constructor() {
    /** @type {Subject|null} */
    this.subject = null;
    this.lastChange = { name: "", at: 0 };
  }

  /** @returns {Face} the avatar being edited */
  get face() {
    return this.subject.faces[this.subject.face];
  }

  /** Edit other avatars. Returns the new subject. */
  open(given) {
    const faces = given.faces.map((face) => ({ edited: [], undo: [], redo: [], sure: {}, likely: {}, measured: [], ...face }));
    this.subject = { ...given, faces, face: Math.min(given.face || 0, faces.length - 1) };
    return this.subject;
  }

  /** The faces of the current subject that new faces of the same picture continue, in their order; else []. */
  previousFaces(given) {
    const { subject } = this;
    if (!subject || !subject.key || subject.key !== given.key) return [];
    if (subject.faces.length !== given.faces.length) return [];
    return given.mirror === subject.mirror ? subject.faces : [...subject.faces].reverse();
  }

  /**
   * Change a setting.
   *
   * @param {string} name
   * @param {number} now in milliseconds
   * @returns {boolean} whether it changed
   */
  change(name, value, now) {
    const { face } = this;
    if (getSetting(face.parameters, name) === value) return false;
    const isContinued = this.lastChange.name === name && now - this.lastChange.at < MERGE_INTERVAL;
    if (!isContinued) face.undo.push(snapshot(face));
    this.lastChange = { name, at: now };
    face.redo = [];
    setSetting(face.parameters, name, value);
    if (!face.edited.includes(name)) face.edited.push(name);
    return true;
  }

  /** Replace all parameters, as one undo step. */
  replace(parameters, edited) {
    const { face } = this;
    face.undo.push(snapshot(face));
    face.redo = [];
    face.parameters = copy(parameters);
    face.edited = [...edited];
    this.lastChange = { name: "", at: 0 };
  }

  /** @returns {boolean} whether there was a step to undo */
  undo() {
    return this.#step(this.face.undo, this.face.redo);
  }

  /** @returns {boolean} whether there was a step to redo */
  redo() {
    return this.#step(this.face.redo, this.face.undo);
  }

  #step(from, to) {
    const target = from.pop();
    if (!target) return false;
    to.push(snapshot(this.face));
    Object.assign(this.face, target);
    this.lastChange = { name: "", at: 0 };
    return true;
  }

  /** The subject without its undo history. */
  saved() {
    const { id, name, key, mirror, face } = this.subject;
    const faces = this.subject.faces.map(({ undo, redo, ...rest }) => rest);
    return { id, name, key, mirror, face, faces };
  }
}

/** Keep a subject, or null, for the next reload. */
export function store(subject) {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(subject));
  } catch {
    // storage is full or not allowed: a reload loses the edits
  }
}

/** @returns {Subject|null} the subject before the reload, if any */
export function restore() {
  try {
    const subject = JSON.parse(sessionStorage.getItem(STORAGE_KEY));
    return subject?.faces.length ? subject : null;
  } catch {
    return null;
  }
}
