// Whether this browser can show what cameras send.

const WORDS = 'This browser cannot play H.264, which is what cameras send.';

/** What helps, by the browser's name for itself. */
const FIREFOX = ' In Firefox, open about:addons, choose Plugins, and set “OpenH264 Video Codec” to “Always Activate”; '
  + 'it is fetched within some minutes. Or watch with Chromium, Chrome, Edge or Safari.';
const OTHER = ' Chromium, Chrome, Edge, Safari and Firefox with its OpenH264 plugin can.';

/** Words for people if nothing can be shown here, and none if all is well, or nobody knows. Firefox counts H.264 among what it
 *  can before it has fetched its plugin, but does not offer it.
 *  @param offered whether it did, if that is known */
export function whyNotPlayable(offered = true) {
  if (typeof RTCPeerConnection === 'undefined') {
    return 'This browser has no WebRTC, or it is switched off: nothing can be watched with it.';
  }
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.('video')?.codecs;
  if (offered && (!codecs || codecs.some(({ mimeType }) => /^video\/h264$/i.test(mimeType)))) return '';
  return WORDS + (/firefox/i.test(navigator.userAgent) ? FIREFOX : OTHER);
}
