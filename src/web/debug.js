// /debug for people: tables that follow /debug/events.

/** Calls `show` with each report of the server, and `lost` with words when there are none. */
export function liveReport(show, lost) {
  let events = null;
  const open = () => {
    events ??= new EventSource('/debug/events');
    events.onmessage = ({ data }) => show(JSON.parse(data));
    events.onerror = () => lost('The server does not answer. Trying again …');
  };
  const close = () => {
    events?.close();
    events = null;
  };
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
}

function table(title, rows) {
  const section = document.createElement('section');
  const heading = document.createElement('h2');
  heading.textContent = title;
  section.append(heading);
  if (!rows.length) {
    section.append('none');
    return section;
  }
  const made = document.createElement('table');
  const columns = Object.keys(rows[0]);
  const line = (cells, kind) => {
    const row = made.insertRow();
    for (const content of cells) {
      const cell = document.createElement(kind);
      cell.append(content);
      row.append(cell);
    }
  };
  line(columns, 'th');
  for (const row of rows) line(columns.map((column) => words(column, row[column])), 'td');
  section.append(made);
  return section;
}

function words(column, value) {
  if (value === null || value === undefined) return '–';
  if (value instanceof Node) return value;
  if (Array.isArray(value)) return value.join(', ') || '–';
  if (column === 'at' || column === 'opened_at') return new Date(value).toLocaleTimeString();
  if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(1);
  return String(value);
}

function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** What can be done about an actor that was given up. */
function startAgain(path) {
  const button = document.createElement('button');
  button.textContent = 'start again';
  button.addEventListener('click', () => fetch(`/debug/actors/${path}/restart`, { method: 'POST' }));
  return button;
}

/** A camera that was given up can be started again although its actors are well. */
function withRestart(camera) {
  if (camera.state !== 'failed') return camera;
  const state = document.createElement('span');
  state.append('failed ', startAgain(`root/cameras/${camera.id}`));
  return { ...camera, state };
}

function flatten(node, depth = 0) {
  const { budget, work, last_exit: exit } = node;
  const state = document.createElement('span');
  state.append(node.state, ...(node.state === 'failed' ? [' ', startAgain(node.path)] : []));
  const row = {
    path: '\u00a0'.repeat(depth * 4) + node.path.split('/').pop(),
    state,
    up: node.uptime_ms === null ? null : duration(node.uptime_ms),
    restarts: node.restarts,
    budget: budget && `${budget.spent} of ${budget.restarts} in ${duration(budget.period_ms)}`,
    'last exit': exit && `${new Date(exit.at).toLocaleTimeString()} ${exit.reason}`,
    mailbox: node.mailbox,
    'in work': work && `${work.message} for ${duration(work.since_ms)}`,
  };
  return [row, ...node.children.flatMap((child) => flatten(child, depth + 1))];
}

/** Leavings by cause: times as median, 95 % and longest, in ms. */
function departures({ causes }) {
  const times = ({ count, median_ms: median, p95_ms: p95, max_ms: max }) => count
    ? [median, p95, max].map((ms) => ms.toFixed(ms < 10 ? 1 : 0)).join(' / ')
    : null;
  return causes.map(({ cause, count, release, silence }) => ({
    cause,
    viewers: count,
    'camera closed after (median / 95 % / longest, ms)': times(release),
    'silence before (median / 95 % / longest, ms)': times(silence),
  }));
}

function suspicions({ suspicions: count, suspicions_withdrawn: withdrawn, picture_away: away, probes, returns_within_10s: returns }) {
  return [{
    suspicions: count,
    withdrawn,
    'picture away (median, ms)': away.median_ms,
    probes,
    'back within 10 s of a verdict': returns,
  }];
}

/** Shows a report as tables. */
export function showTables(report, into, summary) {
  summary.textContent = `version ${report.version}, up for ${duration(report.uptime_ms)}`;
  into.replaceChildren(
    table('Actors', flatten(report.tree)),
    table('Ended in the last minute', report.exits.toReversed().slice(0, 50)),
    table('Cameras', report.cameras.map(withRestart)),
    table('Streams', report.streams),
    table('Peers', report.peers),
    table('Departures', departures(report.departures)),
    table('Suspicions', suspicions(report.departures)),
    table('Verdicts', report.verdicts.toReversed().slice(0, 50)),
    table('Releases', report.releases.toReversed().slice(0, 50)),
  );
}
