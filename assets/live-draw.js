// Draws avatars that move: rigs (dtn_core/avatars/rig.py) on a canvas, by the numbers of faces (dtn_core/live/motion.py).
// Every part of a rig is rasterised once, cropped to what isn't empty, and then only laid by transforms.
const FADE = 0.1;  // of the bust: how softly shoulders end over a picture, as in faces/compose.py
const GLIDE = [25, 200];  // ms: motion glides to what is newest over one tracking interval, at least and at most so long
const LIDS = 0.5;  // of that, for lids
const CROSSFADE = 0.06;  // of a lid, on both sides of where it shuts
const APPEARS = 180;  // ms in which an avatar fades in or out, or becomes another
const LOST = 500;  // ms for which a face that isn't seen keeps its avatar, unless another one takes its place
const SILENT = 2000;  // ms for which all do, where no answer comes
const REMEMBERED = 20;  // people: who comes back has the avatar at once
const PAPER = "#faf8f5";

const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
const smooth = (k) => k * k * (3 - 2 * k);

// ── one avatar ──

const pictureOf = (svg) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = reject;
  image.src = "data:image/svg+xml," + encodeURIComponent(svg.replace("<svg ", '<svg width="256" height="256" '));
});

const canvasOf = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

// left, top, right and bottom of what isn't empty, as shares of the side; null of an empty picture.
const bounds = (image) => {
  const side = 128, pen = canvasOf(side, side).getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0, side, side);
  const { data } = pen.getImageData(0, 0, side, side);
  let [left, top, right, bottom] = [side, side, -1, -1];
  for (let i = 3; i < data.length; i += 4) {
    if (!data[i]) continue;
    const [x, y] = [(i >> 2) % side, (i >> 2) / side | 0];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), y];
  }
  return right < 0 ? null : [left - 1, top - 1, right + 2, bottom + 2].map((at) => clamp(at / side, 0, 1));
};

class Puppet {
  constructor(rig) {
    this.rig = rig;
    this.side = 0;  // pixels for which the parts are rasterised
    this.mouth = "rest";
  }

  async load() {
    const picture = async (svg) => {
      const image = await pictureOf(svg);
      return { image, box: bounds(image) };
    };
    this.parts = await Promise.all(this.rig.parts.map(async (part) => ({
      ...part,
      rest: await picture(part.svg),
      shut: part.closed && await picture(part.closed),
      mouths: Object.fromEntries(await Promise.all(Object.entries(part.mouths || {}).map(async ([name, svg]) => [name, await picture(svg)]))),
    })));
    return this;
  }

  // Of the canvas's units, for `pixels` of them shown across the whole view; faded: shoulders end softly.
  rasterise(pixels, faded) {
    if (faded === this.faded && pixels < this.side * 1.15 && pixels > this.side * 0.45) return;
    this.side = clamp(Math.ceil(pixels / 64) * 64, 128, 1536);
    this.faded = faded;
    for (const part of this.parts) {
      for (const one of [part.rest, part.shut, ...Object.values(part.mouths)]) if (one) this.crop(one);
    }
  }

  crop(one) {
    one.canvas = null;
    if (!one.box) return;
    const { side, rig: { view: [vx, vy, span], eyes: [ex, ey] } } = this;
    const [left, top, right, bottom] = one.box.map((at, i) => (i < 2 ? Math.floor : Math.ceil)(at * side));
    one.canvas = canvasOf(right - left, bottom - top);
    const pen = one.canvas.getContext("2d");
    pen.drawImage(one.image, -left, -top, side, side);
    one.at = [vx + left / side * span, vy + top / side * span, (right - left) / side * span, (bottom - top) / side * span];
    if (!this.faded) return;
    const [x, y, far] = [(ex - vx) / span * side - left, (ey - vy) / span * side - top, (1 - (ey - vy) / span) * side];
    const edge = pen.createRadialGradient(x, y, far - FADE * side, x, y, far);
    for (const k of [0, 0.25, 0.5, 0.75, 1]) edge.addColorStop(k, `rgb(0 0 0 / ${1 - smooth(k)})`);
    pen.globalCompositeOperation = "destination-in";
    pen.fillStyle = edge;
    pen.beginPath();
    pen.rect(0, Math.max(0, y), one.canvas.width, one.canvas.height);
    pen.clip();
    pen.fillRect(0, 0, one.canvas.width, one.canvas.height);
  }

  // On the pen, whose transform takes units of the artist's canvas to pixels; m: a motion as shown.
  draw(pen, m) {
    const { law, eyes: [, , apart] } = this.rig;
    this.mouth = this.mouthOf(m, law);
    for (const part of this.parts) {
      const [dx, dy] = [part.depth * apart * m.yaw, part.depth * apart * m.pitch];
      const [px, py] = part.pivot;
      if (part.moves === "eyes") {
        for (const half of [0, 1]) {
          const lid = m.lids[half], open = clamp((lid - law.shut) / (2 * CROSSFADE) + 0.5, 0, 1), before = pen.globalAlpha;
          pen.globalAlpha = before * (1 - open);
          if (open < 1) this.half(pen, part.shut, half, px, dx, dy);
          pen.globalAlpha = before * open;
          const high = clamp(lid, law.shut, law.widest);
          if (open > 0) this.half(pen, part.rest, half, px, dx, dy + py * (1 - high), high);
          pen.globalAlpha = before;
        }
      } else if (part.moves === "brows") {
        for (const half of [0, 1]) this.half(pen, part.rest, half, px, dx, dy - law.brow * apart * m.brows[half]);
      } else if (part.moves === "mouth") {
        const gaping = this.mouth === "open" || this.mouth === "laugh";
        const [wide, high] = [1 + law.wide * m.wide, gaping ? law.ajar + law.gape * m.open : 1];
        this.lay(pen, part.mouths[this.mouth] || part.rest, dx + px * (1 - wide), dy + py * (1 - high), wide, high);
      } else this.lay(pen, part.rest, dx, dy);
    }
  }

  // What is drawn stays until its number is clearly below the threshold.
  mouthOf({ smile, open }, law) {
    const is = (value, threshold, now) => value > threshold - (now ? law.hold : 0);
    const [smiles, opens] = [
      is(smile, law.smile, this.mouth === "smile" || this.mouth === "laugh"),
      is(open, law.open, this.mouth === "open" || this.mouth === "laugh"),
    ];
    return smiles ? (opens ? "laugh" : "smile") : opens ? "open" : "rest";
  }

  lay(pen, { canvas, at }, dx, dy, wide = 1, high = 1) {
    if (canvas) pen.drawImage(canvas, at[0] * wide + dx, at[1] * high + dy, at[2] * wide, at[3] * high);
  }

  // The left or the right half of a part, up to the line x = split.
  half(pen, { canvas, at }, half, split, dx, dy, high = 1) {
    if (!canvas) return;
    const cut = clamp((split - at[0]) / at[2], 0, 1), [from, to] = half ? [cut, 1] : [0, cut];
    if (from === to) return;
    pen.drawImage(canvas, from * canvas.width, 0, (to - from) * canvas.width, canvas.height,
      at[0] + from * at[2] + dx, at[1] * high + dy, (to - from) * at[2], at[3] * high);
  }
}

// ── one person ──

const NUMBERS = ["x", "y", "apart", "roll", "yaw", "pitch", "open", "wide", "smile"];
const flat = (face) => [...NUMBERS.map((name) => face[name]), ...face.brows, ...face.lids];

class Person {
  constructor(id) {
    Object.assign(this, { id, met: performance.now(), puppet: null, older: null, changed: 0, alpha: 0, seen: -Infinity, middle: null, cell: null });
  }

  // The avatar, once its pictures are decoded; the one before fades.
  async wear(rig, now) {
    const puppet = await new Puppet(rig).load();
    if (this.rig !== rig) return;  // another one came meanwhile
    const older = this.puppet && this.puppet.rig.style === rig.style ? this.puppet : null;
    [this.older, this.puppet, this.changed] = [older, puppet, now()];
    if (older) puppet.mouth = older.mouth;
  }

  take(face, now, glide) {
    const to = flat(face);
    this.from = now - this.seen < SILENT ? this.between(now) : to;
    [this.to, this.since, this.glide, this.seen, this.face] = [to, now, glide, now, face];
    if (!this.alpha) this.came = to[0];
    const k = this.alpha ? 0.03 : 1;  // where the face usually is, from which it leans
    this.middle = [0, 1, 2].map((i) => k < 1 ? k * to[i] + (1 - k) * this.middle[i] : to[i]);
  }

  between(now) {
    const k = clamp((now - this.since) / this.glide, 0, 1), lids = clamp(k / LIDS, 0, 1);
    return this.to.map((to, i) => this.from[i] + (to - this.from[i]) * (i < this.to.length - 2 ? k : lids));
  }

  // As it is shown now; mirrored: as in a mirror `width` pixels wide.
  motion(now, mirrored, width) {
    const values = this.between(now), m = Object.fromEntries(NUMBERS.map((name, i) => [name, values[i]]));
    const [a, b, c, d] = values.slice(-4);
    if (!mirrored) return { ...m, brows: [a, b], lids: [c, d] };
    return { ...m, x: width - m.x, roll: -m.roll, yaw: -m.yaw, brows: [b, a], lids: [d, c] };
  }
}

// ── the scene ──

class Scene {
  constructor(canvas) {
    Object.assign(this, { canvas, pen: canvas.getContext("2d"), people: new Map(), scratch: canvasOf(1, 1), last: 0 });
  }

  // An answer of the server; glide: ms over which its motion is to be shown.
  take(answer, now, glide) {
    for (const face of answer.faces) {
      if (!this.people.has(face.id)) this.people.set(face.id, new Person(face.id));
      this.people.get(face.id).take(face, now, glide);
    }
    for (const [id, avatar] of Object.entries(answer.avatars || {})) {
      const person = this.people.get(Number(id));
      if (!person || !avatar.rig) continue;
      [person.avatar, person.rig] = [avatar, avatar.rig];
      person.wear(avatar.rig, () => performance.now());
    }
    this.latest = now;
    for (const person of this.people.values()) {
      const { to: [x, y, apart], seen } = person;
      if (seen < now && answer.faces.some((face) => Math.hypot(face.x - x, face.y - y) < apart)) person.seen = -Infinity;
    }
    const away = [...this.people.values()].filter((person) => !person.alpha && person.seen < now);
    for (const person of away.slice(0, this.people.size - REMEMBERED)) this.people.delete(person.id);
  }

  clear() {
    this.people.clear();
  }

  // Another session knows nobody but these.
  forget(but) {
    for (const id of this.people.keys()) if (!but.includes(id)) this.people.delete(id);
  }

  // Whether somebody has been in view for seconds whose avatar never came.
  strangers(now) {
    return [...this.people.values()].some((person) => person.seen === now && !person.rig && now - person.met > 3000);
  }

  // look: {view: over | beside | alone, background: a colour, or "" for none, mirror}; picture: {image, width, height}
  // of the camera, or null; width: of the frames that the motion is of.
  draw(look, picture, width, now) {
    const { pen, canvas } = this, passed = clamp(now - this.last, 0, 100);
    this.last = now;
    pen.resetTransform();
    pen.globalAlpha = 1;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const plain = look.view === "beside" ? PAPER : look.view === "alone" ? look.background : "";
    if (plain) {
      pen.fillStyle = plain;
      pen.fillRect(0, 0, canvas.width, canvas.height);
    }
    const rest = this.layPicture(look, picture);
    for (const person of this.people.values()) {
      const there = person.puppet && now - person.seen < (person.seen === this.latest ? SILENT : LOST);
      person.alpha = clamp(person.alpha + (there ? 1 : -1) * passed / APPEARS, 0, 1);
    }
    const shown = [...this.people.values()].filter((person) => person.puppet && person.alpha);
    for (const person of shown) person.order = look.mirror ? -person.came : person.came;
    shown.sort((a, b) => look.view === "over" ? a.to[2] - b.to[2] : a.order - b.order);  // the largest on top; as they came
    shown.forEach((person, i) => {
      const m = person.motion(now, look.mirror, width);
      const place = look.view === "over" ? this.overFace(person, m, rest, width) : this.inCell(person, m, look, rest, i, shown.length, passed, width);
      if (place) this.layPerson(person, m, place, look.view === "over", now);
    });
    return shown;
  }

  // Returns where the people go: left, top, width and height of the picture itself, or of what is left beside it.
  layPicture({ view, mirror }, picture) {
    const { pen, canvas: { width, height } } = this;
    if (view === "alone") return [0, 0, width, height];
    const ratio = picture ? picture.width / picture.height : 4 / 3;
    let box = [0, 0, width, height], rest = box;
    if (view === "beside" && width > height) {
      const share = Math.min(height * ratio, width * 0.66);
      [box, rest] = [[0, 0, share, height], [share, 0, width - share, height]];
    } else if (view === "beside") {
      const share = Math.min(width / ratio, height * 0.6);
      [box, rest] = [[0, 0, width, share], [0, share, width, height - share]];
    }
    const fits = [box[2] / ratio, box[3]], nearly = Math.max(...fits) / Math.min(...fits) < 1.03;  // no seam at an edge
    const scale = (nearly ? Math.max : Math.min)(...fits), [w, h] = [scale * ratio, scale];
    const [x, y] = [box[0] + (box[2] - w) / 2, box[1] + (box[3] - h) / 2];
    if (picture) {
      pen.setTransform(mirror ? -1 : 1, 0, 0, 1, mirror ? 2 * x + w : 0, 0);
      pen.drawImage(picture.image, x, y, w, h);
      pen.resetTransform();
    }
    return view === "over" ? [x, y, w, h] : rest;
  }

  overFace({ puppet: { rig } }, m, [left, top, wide], width) {
    const scale = wide / width, beside = -rig.law.turn * m.apart * m.yaw;  // a turned head lies beside its eyes
    const [x, y] = [m.x + beside * Math.cos(m.roll * Math.PI / 180), m.y + beside * Math.sin(m.roll * Math.PI / 180)];
    return matrix(m.apart * scale / rig.eyes[2] * rig.bust_scale, m.roll, rig.eyes, [left + x * scale, top + y * scale]);
  }

  // Large, its shoulders on the lower edge; it leans as the face leaves its usual place.
  inCell(person, m, { mirror }, [left, top, wide, high], i, n, passed, width) {
    const columns = Math.ceil(n / Math.max(1, Math.round(Math.sqrt(n * high / wide)))), rows = Math.ceil(n / columns);
    const here = Math.min(columns, n - Math.floor(i / columns) * columns);  // in this row
    const [w, h] = [wide / columns, high / rows];
    const wanted = [left + (wide - here * w) / 2 + (i % columns + 0.5) * w, top + (Math.floor(i / columns) + 1) * h, Math.min(w * 1.12, h * 1.06)];
    const k = person.cell ? 1 - Math.exp(-passed / 120) : 1;
    person.cell = wanted.map((to, at) => k * to + (1 - k) * (person.cell ? person.cell[at] : 0));
    const [x, y, side] = person.cell, { rig: { view: [vx, vy, span] } } = person.puppet;
    const [mx, my, apart] = person.middle, middle = mirror ? width - mx : mx;
    const lean = [(m.x - middle) / apart, (m.y - my) / apart].map((by) => clamp(by * 0.12, -0.1, 0.1) * side);
    const scale = side / span * clamp((m.apart / apart) ** 0.5, 0.85, 1.12);
    const roll = 0.8 * m.roll, sink = Math.max(0, 0.38 * Math.abs(Math.sin(roll * Math.PI / 180)) - 0.06) * side;  // no corner shows
    return matrix(scale, roll, [vx + span / 2, vy + span * 0.94], [x + lean[0], y + sink + Math.max(lean[1], -0.03 * side)]);
  }

  layPerson(person, m, place, faded, now) {
    const { pen, canvas, scratch } = this, { puppet, older } = person, k = (now - person.changed) / APPEARS;
    if (k >= 1) person.older = null;
    const scale = Math.hypot(place[0], place[1]);
    const put = (one, alpha) => {
      one.rasterise(scale * one.rig.view[2], faded);
      if (alpha >= 1) {
        pen.setTransform(...place);
        return one.draw(pen, m);
      }
      if (scratch.width !== canvas.width || scratch.height !== canvas.height) Object.assign(scratch, { width: canvas.width, height: canvas.height });
      const other = scratch.getContext("2d");
      other.resetTransform();
      other.clearRect(0, 0, scratch.width, scratch.height);
      other.setTransform(...place);
      one.draw(other, m);
      pen.resetTransform();
      pen.globalAlpha = alpha;
      pen.drawImage(scratch, 0, 0);
      pen.globalAlpha = 1;
    };
    if (person.older) put(older, person.alpha * clamp(2 - 2 * k, 0, 1));
    put(puppet, person.alpha * (person.older ? clamp(2 * k, 0, 1) : 1));
    person.drawn = { ...m, place, mouth: puppet.mouth, order: person.order };
  }
}

// Scaled, turned by degrees clockwise, a point of the artist's canvas going to one of ours.
const matrix = (scale, roll, [px, py], [x, y]) => {
  const [c, s] = [Math.cos(roll * Math.PI / 180) * scale, Math.sin(roll * Math.PI / 180) * scale];
  return [c, s, -s, c, x - c * px + s * py, y - s * px - c * py];
};
