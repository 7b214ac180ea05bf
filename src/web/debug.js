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
    for (const text of cells) {
      const cell = document.createElement(kind);
      cell.textContent = text;
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
  if (Array.isArray(value)) return value.join(', ') || '–';
  if (column === 'at' || column === 'opened_at') return new Date(value).toLocaleTimeString();
  if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(1);
  return String(value);
}

function flatten(node, depth = 0) {
  const row = { path: '\u00a0'.repeat(depth * 4) + node.path.split('/').pop(), kind: node.kind, state: node.state, restarts: node.restarts };
  return [row, ...node.children.flatMap((child) => flatten(child, depth + 1))];
}

/** Shows a report as tables. */
export function showTables(report, into, summary) {
  const uptime = Math.round(report.uptime_ms / 1000);
  summary.textContent = `version ${report.version}, up for ${uptime} s`;
  into.replaceChildren(
    table('Tree', flatten(report.tree)),
    table('Cameras', report.cameras),
    table('Streams', report.streams),
    table('Peers', report.peers),
    table('Releases', report.releases.toReversed().slice(0, 50)),
  );
}
