// What an order to an actor will do, by the rules of its supervisor. Pure: a report and a path go in, sentences come out.

import { nameOf, parentOf } from './report.js';
import { list, lasts, plural } from './words.js';

/** Whether this actor can be told to start again or to die. */
export function possible(report, path, order) {
  const actor = report.actors.get(path);
  if (!actor || parentOf(path) === '') return false;
  if (order === 'kill') return report.allow_kill && actor.state === 'running';
  return actor.restart !== 'temporary';
}

/** Who goes with it, in the order in which they are stopped: the last that was started first. */
export function companions(report, path) {
  const parent = report.actors.get(parentOf(path));
  const siblings = report.children.get(parentOf(path)) ?? [];
  const from = siblings.indexOf(path);
  if (parent?.strategy === 'one_for_all') return siblings.filter((it) => it !== path).toReversed();
  if (parent?.strategy === 'rest_for_one') return siblings.slice(from + 1).toReversed();
  return [];
}

/** Everybody below a path. */
export function below(report, path) {
  const children = report.children.get(path) ?? [];
  return children.flatMap((child) => [child, ...below(report, child)]);
}

/** The viewers whose picture this stops. */
function viewersOf(report, paths) {
  const viewers = new Set();
  for (const path of paths) {
    const [, branch, camera, member = ''] = path.split('/');
    if (branch === 'peers' && camera && report.peers.has(camera)) viewers.add(camera);
    if (branch !== 'cameras' || !member) continue;
    for (const stream of report.streams.values()) {
      const concerns = member === 'device' ? stream.camera === camera : member === `stream-${stream.id}`;
      if (concerns) stream.subscribers.forEach((viewer) => viewers.add(viewer));
    }
  }
  return viewers.size;
}

/** Sentences about what `order` (`restart` or `kill`) will do to the actor and to others. */
export function consequences(report, path, order) {
  const actor = report.actors.get(path);
  const parent = report.actors.get(parentOf(path));
  const others = companions(report, path);
  const own = below(report, path);
  const said = [];
  said.push(order === 'kill'
    ? `${path} is ended at once, as a fault would end it.`
    : actor.state === 'running' ? `${path} is told to stop, and is started again.` : `${path} is started again.`);
  if (others.length > 0) {
    const names = list(others.map(nameOf));
    said.push(parent.strategy === 'one_for_all'
      ? `${names} ${others.length === 1 ? 'goes' : 'go'} with it: here all are started again together.`
      : `${names} ${others.length === 1 ? 'was' : 'were'} started after it and ${others.length === 1 ? 'depends' : 'depend'} on it, so ${others.length === 1 ? 'it is' : 'they are'} stopped first and started again after it.`);
  } else if (order === 'restart' || actor.restart !== 'temporary') {
    said.push('No sibling goes with it.');
  }
  if (own.length > 0) said.push(`${plural(own.length, 'actor')} below it ${own.length === 1 ? 'ends' : 'end'} with it.`);
  if (order === 'kill' && actor.restart === 'temporary') {
    said.push('It lives once, so it is not started again: this viewer is let go, and its page connects anew by itself.');
  } else {
    const viewers = viewersOf(report, [path, ...others, ...own, ...others.flatMap((it) => below(report, it))]);
    const peers = path === 'root/peers' || path.startsWith('root/peers/');
    if (viewers > 0) {
      said.push(peers
        ? `${plural(viewers, 'viewer')} ${viewers === 1 ? 'is' : 'are'} let go.`
        : `${plural(viewers, 'viewer')} ${viewers === 1 ? 'keeps its connection; its picture pauses' : 'keep their connections; their pictures pause'} meanwhile.`);
    }
  }
  if (order === 'kill' && actor.restart !== 'temporary' && parent?.budget) {
    const { spent, restarts, period_ms: period } = parent.budget;
    said.push(spent + 1 > restarts
      ? `${nameOf(parent.path)} has spent its budget (${spent} of ${restarts} restarts in ${lasts(period)}): it will give up, and end with all its children.`
      : `It counts against the budget of ${nameOf(parent.path)}: ${spent + 1} of ${restarts} restarts in ${lasts(period)}.`);
  }
  if (order === 'restart' && parent?.budget) said.push(`It does not count against the budget of ${nameOf(parent.path)}.`);
  return said;
}
