"""A viewer of another make: aiortc_viewer.py URL [--video-only]

Offers sound and video by WHEP, waits for the connection and for a picture, takes leave, and prints a line of JSON: ms from
the offer to each.
"""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

PATIENCE_S = 15


def ask(method, url, body=None):
    request = urllib.request.Request(url, body and body.encode(), {"Content-Type": "application/sdp"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.headers.get("Location"), answer.read().decode()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.code}: {error.read().decode()}")


async def watch(url, kinds):
    # By default it asks a STUN server that cannot be reached here.
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in kinds:
        peer.addTransceiver(kind, direction="recvonly")
    connected, tracks = asyncio.Event(), []
    peer.on("track", tracks.append)
    peer.on("connectionstatechange", lambda: peer.connectionState == "connected" and connected.set())
    await peer.setLocalDescription(await peer.createOffer())

    start = time.perf_counter()
    elapsed = lambda: round((time.perf_counter() - start) * 1000, 1)
    location, answer = await asyncio.to_thread(ask, "POST", url, peer.localDescription.sdp)
    seen = {"client": "aiortc", "answered_ms": elapsed()}
    try:
        async with asyncio.timeout(PATIENCE_S):
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await connected.wait()
            seen["connected_ms"] = elapsed()
            [video] = [track for track in tracks if track.kind == "video"]
            frame = await video.recv()
            seen |= {"picture_ms": elapsed(), "width": frame.width, "height": frame.height}
    except TimeoutError:
        seen["failure"] = f"{peer.connectionState}, ICE {peer.iceConnectionState}"
    finally:
        await peer.close()
        await asyncio.to_thread(ask, "DELETE", urllib.parse.urljoin(url, location))
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], ["video"] if "--video-only" in sys.argv else ["audio", "video"]))
