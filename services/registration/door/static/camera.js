// The phone's camera, where the browser can read codes.

const SAME_CODE = 4000; // milliseconds in which a camera that still sees a code does not scan it again
const PAUSE = 200; // milliseconds between two looks

export const canLook = "BarcodeDetector" in window && Boolean(navigator.mediaDevices);

let stream = null;

// Starts the camera in the video element, or stops it; whether it runs now. Fails where it may not be used.
export async function toggle(video, seen) {
  if (stream) {
    for (const track of stream.getTracks()) track.stop();
    stream = null;
    return false;
  }
  const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.srcObject = opened;
  await video.play();
  stream = opened;
  look(video, new BarcodeDetector({ formats: ["qr_code"] }), opened, seen);
  return true;
}

async function look(video, detector, own, seen) {
  let before = { text: "", at: 0 };
  while (stream === own) {
    const codes = await detector.detect(video).catch(() => []); // a picture that cannot be read is followed by another
    for (const code of codes) {
      const now = Date.now();
      if (code.rawValue !== before.text || now - before.at > SAME_CODE) seen(code.rawValue);
      before = { text: code.rawValue, at: now };
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
