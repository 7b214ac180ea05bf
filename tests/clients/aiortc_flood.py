"""A viewer of another make that asks for far too much: aiortc_flood.py URL SECONDS BYTES_A_SECOND

Watches by WHEP, and from then on asks again and again for all of the last packets (RTCP NACK, RFC 4585, section 6.2.1),
whether it has them or not. Prints a line of JSON when it begins, and one at the end with what came.
"""

import asyncio
import json
import sys
import time
import urllib.parse

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtcpRtpfbPacket, RTCP_RTPFB_NACK
from aiortc_viewer import PATIENCE_S, ask

NACK_PACKETS = 200


async def flood(url, seconds, bytes_a_second):
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", direction="recvonly")
    connected = asyncio.Event()
    peer.on("connectionstatechange", lambda: peer.connectionState == "connected" and connected.set())
    await peer.setLocalDescription(await peer.createOffer())
    location, answer = await asyncio.to_thread(ask, "POST", url, peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(PATIENCE_S):
        await connected.wait()
    receiver = peer.getReceivers()[0]
    got = {"packets": 0, "bytes": 0, "last": 0, "ssrc": None}

    async def count(packet, arrival_time_ms):
        got["packets"] += 1
        got["bytes"] += len(packet.payload)
        # Retransmissions come by another source, with numbers of their own.
        if got["ssrc"] is None:
            got["ssrc"] = packet.ssrc
        if packet.ssrc == got["ssrc"]:
            got["last"] = packet.sequence_number

    receiver._handle_rtp_packet = count
    while got["packets"] == 0:
        await asyncio.sleep(0.01)
    print(json.dumps({"event": "begins"}), flush=True)
    start, sent = time.perf_counter(), 0
    before = got["bytes"]
    while (elapsed := time.perf_counter() - start) < seconds:
        while sent < elapsed * bytes_a_second:
            lost = [(got["last"] - nth) & 0xFFFF for nth in range(NACK_PACKETS)]
            nack = bytes(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=got["ssrc"], lost=sorted(lost)))
            await receiver.transport._send_rtp(nack)
            sent += len(nack)
        await asyncio.sleep(0.005)
    print(json.dumps({"event": "ends", "asked_bytes": sent, "bytes": got["bytes"] - before}), flush=True)
    await peer.close()
    await asyncio.to_thread(ask, "DELETE", urllib.parse.urljoin(url, location))


if __name__ == "__main__":
    asyncio.run(flood(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
