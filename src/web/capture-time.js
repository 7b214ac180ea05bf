// How long a picture takes from the camera to this page, where that can be known: the server says with its packets when a
// picture was taken (abs-capture-time), and with its reports what time it is there.

const EXTENSION = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time';

/** From 1900, where NTP begins (RFC 5905), to 1970, ms. */
const NTP_EPOCH_MS = 2_208_988_800_000;

/** Has an offer ask for capture times. Not every browser can. */
export function askForCaptureTimes(transceiver) {
  try {
    const extensions = transceiver.getHeaderExtensionsToNegotiate();
    for (const extension of extensions) {
      if (extension.uri === EXTENSION) extension.direction = 'sendrecv';
    }
    transceiver.setHeaderExtensionsToNegotiate(extensions);
  } catch {
    // Then there are none.
  }
}

/**
 * Milliseconds from the camera's driver to the page's player, for the latest picture of `source` (of getSynchronizationSources);
 * null if it is not known. `report` is the server's latest (remote-outbound-rtp), `roundTripMs` the way there and back, half
 * of which is taken for the way here.
 */
export function captureToPlayer(source, report, roundTripMs) {
  if (!source?.captureTimestamp || !report?.remoteTimestamp || roundTripMs === null) return null;
  const ahead = report.remoteTimestamp + roundTripMs / 2 - report.timestamp;
  const latency = source.timestamp + ahead - (source.captureTimestamp - NTP_EPOCH_MS);
  return latency > -roundTripMs - 1 ? Math.max(0, latency) : null;
}
