import { Store } from "../app/store";
import type { Ring } from "./ringing";

/** One tone: hertz, start and length in seconds from the beginning of the sound, loudness 0..1. */
type Tone = readonly [hertz: number, at: number, length: number, gain: number];

/** Made of tones, so that no file has to be fetched when it matters. */
const SOUNDS = {
  siren: [
    [880, 0, 0.22, 0.5],
    [660, 0.24, 0.22, 0.5],
    [880, 0.48, 0.22, 0.5],
    [660, 0.72, 0.3, 0.5],
  ],
  bell: [
    [784, 0, 0.35, 0.28],
    [588, 0.3, 0.5, 0.24],
  ],
  lost: [
    [440, 0, 0.25, 0.45],
    [330, 0.28, 0.25, 0.45],
    [220, 0.56, 0.5, 0.5],
  ],
  call: [
    [1047, 0, 0.12, 0.4],
    [1047, 0.18, 0.12, 0.4],
    [1319, 0.36, 0.25, 0.4],
  ],
} as const satisfies Record<string, readonly Tone[]>;

export type Sound = keyof typeof SOUNDS;

/** Pause from one beginning to the next, in milliseconds: the siren cannot be overheard, the lost line not forgotten. */
const PERIOD_MS: Record<NonNullable<Ring>, number> = { siren: 2_200, bell: 6_000, lost: 10_000 };

/** The page's voice. Browsers keep it shut until the first click or key; `blocked` says so. */
export class Siren {
  readonly blocked = new Store(false);
  #context: AudioContext | null = null;
  #ring: Ring = null;
  #lastMs = -Infinity;

  /** Tries to open the sound; to be called from a click or a key as well, because only those may. */
  unlock = (): void => {
    try {
      if (!this.#context) {
        this.#context = new AudioContext();
        this.#context.onstatechange = () => this.#look();
      }
      if (this.#context.state !== "running")
        this.#context.resume().then(
          () => this.#look(),
          () => this.#look(),
        );
    } catch {
      // no sound device at all: said on the page like a blocked one
    }
    this.#look();
  };

  /** What rings from now on, beginning at once. */
  ring(ring: Ring): void {
    if (ring === this.#ring) return;
    this.#ring = ring;
    this.#lastMs = -Infinity;
    document.body.dataset["ringing"] = ring ?? "nothing";
    this.tick();
  }

  tick(): void {
    const now = performance.now();
    if (!this.#ring || now - this.#lastMs < PERIOD_MS[this.#ring]) return;
    this.#lastMs = now;
    this.once(this.#ring);
  }

  once(sound: Sound): void {
    const context = this.#context;
    if (context?.state !== "running") return;
    for (const [hertz, at, length, gain] of SOUNDS[sound]) play(context, hertz, context.currentTime + at, length, gain);
  }

  #look(): void {
    const blocked = this.#context?.state !== "running";
    if (this.blocked.get() && !blocked) this.#lastMs = -Infinity; // what rings is heard from this very moment
    this.blocked.set(blocked);
  }
}

function play(context: AudioContext, hertz: number, at: number, length: number, gain: number): void {
  const oscillator = context.createOscillator();
  const envelope = context.createGain();
  oscillator.type = "triangle";
  oscillator.frequency.value = hertz;
  envelope.gain.setValueAtTime(0, at);
  envelope.gain.linearRampToValueAtTime(gain, at + 0.015);
  envelope.gain.setValueAtTime(gain, at + length * 0.6);
  envelope.gain.linearRampToValueAtTime(0, at + length);
  oscillator.connect(envelope).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + length + 0.02);
}
