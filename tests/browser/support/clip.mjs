// A camera that plays a clip which was encoded before, so that the encoder takes no time from anybody.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './server.mjs';

/** 1280x720 at 30. To be made longer than any of the runs: where ffmpeg begins anew it pauses for two seconds.
 *  `rate` in bits a second, `gop` in frames; `filter` is put behind ffmpeg's test picture. */
export function clip(name, parameters, { seconds = 120, rate = 2_000_000, gop = 60, filter } = {}) {
  const file = join(ROOT, 'target/bench', `clip-${name}.mp4`);
  if (!existsSync(file)) {
    mkdirSync(join(ROOT, 'target/bench'), { recursive: true });
    execFileSync('ffmpeg', ['-y', '-hide_banner', '-loglevel', 'error', '-f', 'lavfi', '-i', ['testsrc2=size=1280x720:rate=30', filter].filter(Boolean).join(','),
      '-t', String(seconds), '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', ...parameters, '-pix_fmt', 'yuv420p',
      '-profile:v', 'baseline', '-b:v', String(rate), '-maxrate', String(rate), '-bufsize', String(rate / 2), '-g', String(gop), `${file}.part.mp4`]);
    renameSync(`${file}.part.mp4`, file);
  }
  const command = `exec ffmpeg -hide_banner -loglevel error -re -i ${file} -c copy -bsf:v h264_mp4toannexb -flush_packets 1 -f h264 -`;
  return { source: `exec:${command}`, bitrate: Math.round(statSync(file).size * 8 / seconds) };
}
