// The gallery: every stream with its last picture, state and viewers, live. Choosing one watches it, on a stage or all on a wall.

import { Card } from './card.js';
import { text } from './dom.js';
import { neighbor } from './neighbor.js';
import { Shortcuts } from './shortcuts.js';
import { Stage } from './stage.js';
import { followStreams } from './streams.js';
import { Wall, columnsFor } from './wall.js';

/** Fewer than this are found by looking. */
const SEARCH_FROM = 8;

/** Ages are told in minutes: this often is enough. */
const AGES_MS = 10_000;

const at = (id) => document.getElementById(id);
const gallery = at('gallery');
const search = at('search');
const wallButton = at('wall');
const link = new URLSearchParams(location.search).get('link');
const query = link ? `?${new URLSearchParams({ link })}` : '';

const cards = new Map();
const wall = new Wall();
let streams = new Map();
let you = {};
let ahead = 0;

const shown = () => [...cards.values()].filter(({ root }) => !root.hidden);

const stage = new Stage(at('stage'), (stream, former) => {
  document.body.classList.toggle('staged', stream !== null);
  at('stage').hidden = stream === null;
  document.title = stream ? `${stream} – lenscap` : 'lenscap';
  for (const card of cards.values()) {
    if (card.id === stream) card.button.setAttribute('aria-current', 'true');
    else card.button.removeAttribute('aria-current');
  }
  if (stream === null) {
    if (history.state?.staged) history.back();
    wall.on = isWall();
    cards.get(former)?.button.focus();
    return;
  }
  if (!history.state?.staged) history.pushState({ staged: true }, '');
  cards.get(stream)?.root.scrollIntoView({ block: 'nearest', inline: 'center' });
  allowControls();
});

const isWall = () => document.body.classList.contains('wall');

function watch(id) {
  if (id === stage.stream) return stage.close();
  // One viewer is enough.
  wall.on = false;
  return stage.show(id, { link, search: query, poster: cards.get(id)?.poster, step });
}

/** On to the next stream, or back, round and round. */
function step(by) {
  const all = shown();
  const now = all.findIndex(({ id }) => id === stage.stream);
  if (all.length) show(all[(now + by + all.length) % all.length].id);
}

function show(id) {
  if (id !== stage.stream) watch(id);
}

function allowControls() {
  const camera = streams.get(stage.stream)?.camera;
  if (stage.player) stage.player.camera = you.control ? camera ?? null : null;
}

function setWall(on) {
  document.body.classList.toggle('wall', on);
  wallButton.ariaPressed = String(on);
  if (on) stage.close();
  layOut();
  wall.on = on;
}

function layOut() {
  const { clientWidth, clientHeight } = document.documentElement;
  const height = clientHeight - gallery.getBoundingClientRect().top - scrollY;
  gallery.style.setProperty('--columns', columnsFor(shown().length, clientWidth, height));
}

function filter() {
  const wanted = search.value.trim().toLowerCase();
  let number = 0;
  for (const [id, card] of cards) {
    const { camera } = streams.get(id);
    card.root.hidden = wanted !== '' && ![id, camera].some((name) => name.toLowerCase().includes(wanted));
    if (!card.root.hidden) card.number = ++number;
  }
  at('nothing').hidden = number > 0 || !cards.size;
  text(at('found'), wanted ? `${number} of ${cards.size}` : '');
  if (isWall()) layOut();
}

function tellAges() {
  const now = Date.now() + ahead;
  for (const card of cards.values()) card.tell(now);
}

function summarize(all) {
  const cameras = new Map(all.map(({ camera, camera_state: state }) => [camera, state]));
  const open = [...cameras.values()].filter((state) => state === 'capturing').length;
  const viewers = all.reduce((sum, stream) => sum + stream.viewers, 0);
  return `${open} of ${cameras.size} ${cameras.size === 1 ? 'camera' : 'cameras'} open, ${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`;
}

/** Cards in the order of their names, as people count: 2 before 10. */
function arrange() {
  const sorted = [...streams.keys()].sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  for (const [id, card] of cards) {
    if (streams.has(id)) continue;
    wall.remove(card);
    card.root.remove();
    cards.delete(id);
    if (id === stage.stream) stage.close();
  }
  const same = sorted.length === cards.size && sorted.every((id) => cards.has(id));
  if (same) return;
  for (const id of sorted) {
    const card = cards.get(id) ?? new Card(id, { link, search: query, watch });
    cards.delete(id);
    // At the end of the map, and of the page.
    cards.set(id, card);
    gallery.append(card.root);
    wall.add(card);
  }
}

followStreams((now, visitor, clock) => {
  [streams, you, ahead] = [now, visitor, clock];
  document.body.classList.remove('lost');
  text(at('lost'), '');
  const all = [...streams.values()];
  text(at('summary'), all.length ? summarize(all) : 'No camera');
  at('open-to-all').hidden = !you.open;
  at('debug').hidden = !you.admin;
  at('logout').hidden = !you.name;
  if (you.name) text(at('logout').querySelector('button'), `Log ${you.name} out`);
  at('first').hidden = all.length > 0 || !you.admin;
  at('none').hidden = all.length > 0 || Boolean(you.admin);
  at('help').hidden = false;
  wallButton.hidden = all.length < 2;
  at('searching').hidden = all.length < SEARCH_FROM;
  arrange();
  for (const stream of all) cards.get(stream.id).show(stream, you);
  filter();
  tellAges();
  allowControls();
}, (words) => {
  // What is on the cards is what was, and nobody knows whether it still is.
  document.body.classList.add('lost');
  text(at('lost'), words);
});

setInterval(tellAges, AGES_MS);
addEventListener('resize', () => isWall() && layOut());
addEventListener('popstate', () => stage.stream && stage.close());
search.addEventListener('input', filter);
wallButton.addEventListener('click', () => setWall(!isWall()));

function arrow({ key, repeat }) {
  // Every camera that is gone past is asked for.
  if (stage.stream) return repeat ? undefined : step(key === 'ArrowLeft' || key === 'ArrowUp' ? -1 : 1);
  const all = shown();
  const from = all.findIndex(({ root }) => root.contains(document.activeElement));
  // Otherwise the arrow keys scroll, as they do everywhere.
  if (from < 0 && document.activeElement !== document.body) return false;
  const to = all[neighbor(all.map(({ root }) => root.getBoundingClientRect()), from, key)];
  return to ? choose(to) : false;
}

function choose(card) {
  card.button.focus();
  card.root.scrollIntoView({ block: 'nearest' });
}

function digit({ key }) {
  const card = shown()[Number(key) - 1];
  if (!card) return false;
  return stage.stream ? show(card.id) : choose(card);
}

function back() {
  if (document.activeElement === search) {
    search.value = '';
    filter();
    return search.blur();
  }
  if (stage.stream) return stage.close();
  return isWall() ? setWall(false) : false;
}

const onStage = (act) => () => (stage.player ? act(stage.player) : false);

const keys = new Shortcuts({
  ArrowLeft: arrow, ArrowRight: arrow, ArrowUp: arrow, ArrowDown: arrow, digit,
  Escape: back,
  f: () => {
    if (stage.player) return stage.player.fullScreen();
    const fails = () => {};
    return document.fullscreenElement ? document.exitFullscreen().catch(fails) : document.documentElement.requestFullscreen?.().catch(fails);
  },
  p: onStage((player) => player.pictureInPicture()),
  s: onStage((player) => player.toggleStatistics()),
  d: onStage((player) => player.save()),
  c: onStage((player) => player.copy()),
  w: () => (wallButton.hidden ? false : setWall(!isWall())),
  '/': () => (at('searching').hidden ? false : search.focus()),
}, [
  ['← → ↑ ↓', 'to another camera; while you watch, over the same connection'],
  ['1 … 9', 'to the camera of this number'],
  ['Enter', 'watch the chosen camera'],
  ['Esc', 'stop watching, leave the wall, end the search'],
  ['w', 'the wall: all cameras play'],
  ['f', 'full screen'],
  ['p', 'picture in picture'],
  ['s', 'statistics'],
  ['d', 'save the picture as a file'],
  ['c', 'copy the picture'],
  ['/', 'search'],
]);
at('help').addEventListener('click', () => keys.help());
