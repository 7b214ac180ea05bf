// Why the server lets nobody in.

const PATIENCE_MS = 2000;

/** The words of the server at `base` for who may not come in; null if anybody may, or nothing is heard. WebSockets do not tell. */
export async function refusal(base) {
  const url = new URL('/streams', base);
  url.search = new URL(base).search;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS), headers: { Accept: 'application/json' } });
    return response.ok ? null : (await response.json()).message ?? null;
  } catch {
    return null;
  }
}
