// The controls of a real camera driver, on the page of a real browser: the camera takes what is set there, and the page
// shows what the camera makes of it.

import assert from 'node:assert/strict';
import { decoded, instrument, launch } from '../browser/support/browser.mjs';

const [url] = process.argv.slice(2);
const controls = async () => {
  const { controls } = await (await fetch(`${url}/cameras/mjpeg/controls`)).json();
  return Object.fromEntries(controls.map((control) => [control.id, control]));
};

const browser = await launch();
try {
  const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
  await instrument(context);
  const page = await context.newPage();
  await page.goto(`${url}/view/mjpeg`);
  await decoded(page, 5);
  await page.getByText('Adjust').click();

  const { brightness: before } = await controls();
  const slider = page.getByLabel(before.name);
  const wanted = before.value === before.max ? before.min : before.max;
  const answered = page.waitForResponse((response) => response.request().method() === 'PUT');
  await slider.fill(String(wanted));
  assert.equal((await answered).status(), 200);
  assert.equal((await controls()).brightness.value, wanted, 'the camera has taken it');

  // What depends on another control follows it.
  const exposure = page.getByLabel('Exposure Time');
  assert.ok(await exposure.isDisabled());
  await page.getByLabel('Auto Exposure').selectOption({ label: 'Manual Mode' });
  await page.waitForFunction((input) => !input.disabled, await exposure.elementHandle());
  assert.equal((await controls()).exposure_time_absolute.active, true);
  await decoded(page, 10);
  console.log(`${before.name} from ${before.value} to ${wanted} on the page, and exposure set free`);
} finally {
  await browser.close();
}
