// Solves the task of a form before it is sent: a number for which the SHA-256 of "task:number" begins with zero bits.
// Written out (FIPS 180-4), because the browser's own answers one hash at a time and takes ten times as long.
"use strict";
(() => {
  // Fractions of the roots of the first primes: square roots begin, cube roots are added.
  const primes = [];
  for (let n = 2; primes.length < 64; n += 1) if (primes.every((p) => n % p)) primes.push(n);
  const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) | 0;
  const constants = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
  const begin = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));
  const words = new Int32Array(64);
  const turned = (x, n) => (x >>> n) | (x << (32 - n));

  // Takes in one block of 64 bytes.
  const block = (state, bytes, at) => {
    for (let i = 0; i < 16; i += 1) {
      const j = at + 4 * i;
      words[i] = (bytes[j] << 24) | (bytes[j + 1] << 16) | (bytes[j + 2] << 8) | bytes[j + 3];
    }
    for (let i = 16; i < 64; i += 1) {
      const x = words[i - 15];
      const y = words[i - 2];
      const low = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
      const high = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10);
      words[i] = (words[i - 16] + low + words[i - 7] + high) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i += 1) {
      const chosen = (e & f) ^ (~e & g);
      const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + chosen + constants[i] + words[i]) | 0;
      const most = (a & b) ^ (a & c) ^ (b & c);
      const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + most) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + one) | 0;
      d = c;
      c = b;
      b = a;
      a = (one + two) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => {
      state[i] = (state[i] + value) | 0;
    });
  };

  // How many zero bits the hash of the task with a number begins with. What is the same for all numbers is taken in once.
  const counter = (task) => {
    const encoder = new TextEncoder();
    const head = encoder.encode(`${task}:`);
    const whole = head.length - (head.length % 64);
    const middle = Int32Array.from(begin);
    for (let at = 0; at < whole; at += 64) block(middle, head, at);
    const rest = head.subarray(whole);
    return (number) => {
      const digits = encoder.encode(String(number));
      const length = rest.length + digits.length;
      const bytes = new Uint8Array(64 * Math.ceil((length + 9) / 64));
      bytes.set(rest);
      bytes.set(digits, rest.length);
      bytes[length] = 0x80;
      new DataView(bytes.buffer).setUint32(bytes.length - 4, 8 * (whole + length));
      const state = Int32Array.from(middle);
      for (let at = 0; at < bytes.length; at += 64) block(state, bytes, at);
      return Math.clz32(state[0]);
    };
  };

  for (const form of document.querySelectorAll("form[data-work-bits]")) {
    const { work, answer } = form.elements;
    const bits = Number(form.dataset.workBits);
    const zeros = counter(work.value);
    // Begun at once and in portions: the person is still typing.
    const solved = new Promise((done) => {
      const portion = (from) => {
        for (let number = from; number < from + 2000; number += 1) {
          if (zeros(number) >= bits) return done(String(number));
        }
        setTimeout(portion, 0, from + 2000);
      };
      portion(0);
    });
    form.addEventListener("submit", async (event) => {
      if (answer.value) return;
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      answer.value = await solved;
      button.disabled = false;
      // Later: while this event is handled, the browser ignores another one.
      setTimeout(() => form.requestSubmit());
    });
  }
})();
