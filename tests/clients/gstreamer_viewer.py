"""A viewer of another make: gstreamer_viewer.py URL [--video-only]

Offers sound and video with max-bundle by WHEP, waits for the connection and for a picture, takes leave, and prints a line
of JSON: ms from the offer to each. GStreamer's ICE (libnice) does not use loopback: URL names another address of this host.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PATIENCE_S = 15
CAPS = {
    "audio": "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,encoding-params=(string)2,payload=111",
    "video": "application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=96,packetization-mode=(string)1,"
             "profile-level-id=(string)42e01f",
}


def ask(method, url, body=None):
    request = urllib.request.Request(url, body and body.encode(), {"Content-Type": "application/sdp"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.headers.get("Location"), answer.read().decode()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.code}: {error.read().decode()}")


class Viewer:
    def __init__(self, url, kinds):
        self.url, self.seen, self.location, self.start = url, {"client": "GStreamer"}, None, None
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new()
        self.peer = Gst.ElementFactory.make("webrtcbin")
        self.peer.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.peer)
        self.peer.connect("notify::ice-gathering-state", self.gathered)
        self.peer.connect("notify::connection-state", self.changed)
        self.peer.connect("pad-added", self.track)
        self.pipeline.set_state(Gst.State.PLAYING)
        receive = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        for kind in kinds:
            self.peer.emit("add-transceiver", receive, Gst.Caps.from_string(CAPS[kind]))
        self.peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered))

    def elapsed(self):
        return round((time.perf_counter() - self.start) * 1000, 1)

    def offered(self, promise):
        # What the reply holds lives only as long as the reply.
        reply = promise.get_reply()
        self.peer.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def gathered(self, *_):
        if self.peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.ask)

    def ask(self):
        offer = self.peer.get_property("local-description").sdp.as_text()
        self.start = time.perf_counter()
        try:
            self.location, text = ask("POST", self.url, offer)
        except SystemExit as error:
            self.end(str(error))
            return False
        self.seen["answered_ms"] = self.elapsed()
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.peer.emit("set-remote-description", answer, Gst.Promise.new())
        return False

    def changed(self, *_):
        state = self.peer.get_property("connection-state")
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            self.seen.setdefault("connected_ms", self.elapsed())
        elif state == GstWebRTC.WebRTCPeerConnectionState.FAILED:
            GLib.idle_add(self.end, "failed")

    def track(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        decode = Gst.parse_bin_from_description(
            "rtph264depay ! h264parse ! openh264dec ! fakesink name=sink sync=false signal-handoffs=true", True)
        decode.get_by_name("sink").connect("handoff", self.picture)
        self.pipeline.add(decode)
        decode.sync_state_with_parent()
        pad.link(decode.get_static_pad("sink"))

    def picture(self, _sink, _buffer, pad):
        if "picture_ms" in self.seen:
            return
        self.seen["picture_ms"] = self.elapsed()
        shape = pad.get_current_caps().get_structure(0)
        self.seen |= {side: shape.get_int(side).value for side in ("width", "height")}
        GLib.idle_add(self.end)

    def end(self, failure=None):
        if failure:
            self.seen.setdefault("failure", failure)
        self.loop.quit()
        return False

    def run(self):
        states = lambda: self.peer.get_property("connection-state").value_nick
        GLib.timeout_add_seconds(PATIENCE_S, lambda: self.end(f"no picture within {PATIENCE_S} s: {states()}"))
        self.loop.run()
        if self.location:
            ask("DELETE", urllib.parse.urljoin(self.url, self.location))
        print(json.dumps(self.seen), flush=True)
        # Without it the bindings free the answer once more at the end.
        os._exit(0)


Gst.init(None)
Viewer(sys.argv[1], ["video"] if "--video-only" in sys.argv else ["audio", "video"]).run()
