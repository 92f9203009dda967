/** The people in view and their avatars, drawn on a canvas. */

import { createCanvas } from "./dom.js";
import { cellOf, clamp, FaceMotion, layout, placement, placeOverFace, SILENT, sinkOf } from "./motion.js";
import { Puppet } from "./puppet.js";

export const PAPER = "#faf8f5";

/** Milliseconds in which an avatar fades in or out, or changes into another. */
const FADE_TIME = 180;

/** Milliseconds for which a face that isn't found keeps its avatar, unless another one takes its place. */
const LOST_TIME = 500;

/** Number of people whose avatar is kept for when they return. */
const MAX_REMEMBERED = 20;

/** Milliseconds after which a missing avatar is requested again. */
const AVATAR_TIMEOUT = 3000;

const MAX_STEP = 100;
const CELL_TIME = 120;
const DEFAULT_RATIO = 4 / 3;

/**
 * What the scene shows.
 *
 * @typedef {object} Look
 * @property {"over"|"beside"|"alone"} view
 * @property {string} background a colour, or "" for none; used with "alone"
 * @property {boolean} mirror
 */

class Person {
  constructor(id) {
    this.id = id;
    this.firstSeen = performance.now();
    this.motion = new FaceMotion();
    this.puppet = null;
    this.previous = null;  // the puppet before, while it fades out
    this.changedAt = 0;
    this.alpha = 0;
    this.cell = null;
  }

  /** Show another avatar once its pictures are decoded. The previous one fades out. */
  async setRig(rig) {
    const puppet = await new Puppet(rig).load();
    if (this.rig !== rig) return;  // replaced meanwhile
    this.previous = this.puppet?.rig.style === rig.style ? this.puppet : null;
    if (this.previous) puppet.mouth = this.previous.mouth;
    this.puppet = puppet;
    this.changedAt = performance.now();
  }

  update(face, now, glide) {
    this.motion.update(face, now, glide, !this.alpha);
    if (!this.alpha) this.enteredAt = face.x;
    this.face = face;
  }
}

export class Scene {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    /** @type {Map<number, Person>} */
    this.people = new Map();
    this.scratch = createCanvas(1, 1);
    this.lastDraw = 0;
    this.lastAnswer = 0;
  }

  /**
   * Take an answer of the server.
   *
   * @param {object} answer see dtn_core/pipeline/live/protocol.py
   * @param {number} now in milliseconds
   * @param {number} glide milliseconds in which its motion is reached
   */
  update(answer, now, glide) {
    for (const face of answer.faces) {
      if (!this.people.has(face.id)) this.people.set(face.id, new Person(face.id));
      this.people.get(face.id).update(face, now, glide);
    }
    for (const [id, avatar] of Object.entries(answer.avatars || {})) {
      const person = this.people.get(Number(id));
      if (!person || !avatar.rig) continue;
      person.avatar = avatar;
      person.rig = avatar.rig;
      person.setRig(avatar.rig);
    }
    this.lastAnswer = now;
    this.#hideReplaced(answer.faces, now);
    this.#forgetAbsent(now);
  }

  /** Hide people whose place was taken by another face. */
  #hideReplaced(faces, now) {
    for (const { motion } of this.people.values()) {
      const [x, y, apart] = motion.target;
      const isReplaced = faces.some((face) => Math.hypot(face.x - x, face.y - y) < apart);
      if (motion.lastSeen < now && isReplaced) motion.lastSeen = -Infinity;
    }
  }

  #forgetAbsent(now) {
    const absent = [...this.people.values()].filter(({ alpha, motion }) => !alpha && motion.lastSeen < now);
    const surplus = Math.max(0, this.people.size - MAX_REMEMBERED);
    for (const { id } of absent.slice(0, surplus)) this.people.delete(id);
  }

  clear() {
    this.people.clear();
    this.context.resetTransform();
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Forget all people except these IDs: a new session of the server knows no others. */
  keepOnly(ids) {
    for (const id of this.people.keys()) {
      if (!ids.includes(id)) this.people.delete(id);
    }
  }

  /** Whether somebody in view has waited long for an avatar. */
  isMissingAvatars(now) {
    return [...this.people.values()].some(({ motion, rig, firstSeen }) => (
      motion.lastSeen === now && !rig && now - firstSeen > AVATAR_TIMEOUT
    ));
  }

  /**
   * Draw a frame.
   *
   * @param {Look} look
   * @param {{image: CanvasImageSource, width: number, height: number}|null} picture of the camera
   * @param {number} width of the frames that the motion refers to
   * @param {number} now in milliseconds
   * @returns {Person[]} the people who are drawn
   */
  draw(look, picture, width, now) {
    const elapsed = clamp(now - this.lastDraw, 0, MAX_STEP);
    this.lastDraw = now;
    this.#drawBackground(look);
    const ratio = picture ? picture.width / picture.height : DEFAULT_RATIO;
    const areas = layout(look.view, this.canvas.width, this.canvas.height, ratio);
    if (picture && areas.picture) this.#drawPicture(picture.image, areas.picture, look.mirror);
    const people = this.#visiblePeople(look, now, elapsed);
    people.forEach((person, i) => {
      const motion = person.motion.at(now, look.mirror, width);
      const frame = { motion, width, mirror: look.mirror, elapsed, now };
      const place = look.view === "over"
        ? placeOverFace(person.puppet.rig, motion, areas.people[2] / width, areas.people)
        : this.#placeInCell(person, cellOf(areas.people, i, people.length), frame);
      this.#drawPerson(person, motion, place, look.view === "over", now);
    });
    return people;
  }

  #drawBackground({ view, background }) {
    const { context, canvas } = this;
    context.resetTransform();
    context.globalAlpha = 1;
    context.clearRect(0, 0, canvas.width, canvas.height);
    const colours = { over: "", beside: PAPER, alone: background };
    if (!colours[view]) return;
    context.fillStyle = colours[view];
    context.fillRect(0, 0, canvas.width, canvas.height);
  }

  #drawPicture(image, [x, y, width, height], mirror) {
    const { context } = this;
    if (mirror) context.setTransform(-1, 0, 0, 1, 2 * x + width, 0);
    context.drawImage(image, x, y, width, height);
    context.resetTransform();
  }

  /** Fade people in and out. Returns those to draw, in their order. */
  #visiblePeople(look, now, elapsed) {
    for (const person of this.people.values()) {
      const { lastSeen } = person.motion;
      const patience = lastSeen === this.lastAnswer ? SILENT : LOST_TIME;
      const isPresent = person.puppet && now - lastSeen < patience;
      person.alpha = clamp(person.alpha + (isPresent ? 1 : -1) * elapsed / FADE_TIME, 0, 1);
    }
    const people = [...this.people.values()].filter(({ puppet, alpha }) => puppet && alpha);
    for (const person of people) person.order = look.mirror ? -person.enteredAt : person.enteredAt;
    const size = (person) => person.motion.target[2];
    const largestOnTop = (a, b) => size(a) - size(b);
    const leftToRight = (a, b) => a.order - b.order;
    return people.sort(look.view === "over" ? largestOnTop : leftToRight);
  }

  /** Place a large avatar with its shoulders on the lower edge of a cell. It leans as the face leaves its usual place. */
  #placeInCell(person, cell, { motion, width, mirror, elapsed }) {
    const k = person.cell ? 1 - Math.exp(-elapsed / CELL_TIME) : 1;
    person.cell = cell.map((target, i) => k * target + (1 - k) * (person.cell ? person.cell[i] : 0));
    const [x, y, side] = person.cell;
    const [viewX, viewY, span] = person.puppet.rig.view;
    const [meanX, meanY, meanApart] = person.motion.mean;
    const usualX = mirror ? width - meanX : meanX;
    const leanX = clamp((motion.x - usualX) / meanApart * 0.12, -0.1, 0.1) * side;
    const leanY = clamp((motion.y - meanY) / meanApart * 0.12, -0.1, 0.1) * side;
    const scale = side / span * clamp(Math.sqrt(motion.apart / meanApart), 0.85, 1.12);
    const roll = 0.8 * motion.roll;
    const bottom = y + sinkOf(roll) * side + Math.max(leanY, -0.03 * side);
    return placement(scale, roll, [viewX + span / 2, viewY + span * 0.94], [x + leanX, bottom]);
  }

  #drawPerson(person, motion, place, faded, now) {
    const { puppet } = person;
    const k = (now - person.changedAt) / FADE_TIME;
    if (k >= 1) person.previous = null;
    if (person.previous) {
      const alpha = person.alpha * clamp(2 - 2 * k, 0, 1);
      this.#drawPuppet(person.previous, motion, place, faded, alpha);
    }
    const alpha = person.previous ? person.alpha * clamp(2 * k, 0, 1) : person.alpha;
    this.#drawPuppet(puppet, motion, place, faded, alpha);
    person.drawn = { ...motion, place, mouth: puppet.mouth, order: person.order };
  }

  #drawPuppet(puppet, motion, place, faded, alpha) {
    const { context, canvas, scratch } = this;
    const scale = Math.hypot(place[0], place[1]);
    puppet.rasterise(scale * puppet.rig.view[2], faded);
    if (alpha >= 1) {
      context.setTransform(...place);
      puppet.draw(context, motion);
      return;
    }
    if (scratch.width !== canvas.width || scratch.height !== canvas.height) {
      scratch.width = canvas.width;
      scratch.height = canvas.height;
    }
    const layer = scratch.getContext("2d");
    layer.resetTransform();
    layer.clearRect(0, 0, scratch.width, scratch.height);
    layer.setTransform(...place);
    puppet.draw(layer, motion);
    context.resetTransform();
    context.globalAlpha = alpha;
    context.drawImage(scratch, 0, 0);
    context.globalAlpha = 1;
  }
}
