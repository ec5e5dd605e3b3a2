import { frame } from '../../lib/framing/zmtp/frame.js'
import { writeGreeting } from '../../lib/framing/zmtp/greeting.js'
import type { Sealer } from '../../lib/framing/zmtp/mechanism.js'
import { type Choice, curveClient } from '../lib/framing/zmtp/curve-peers.js'
import { RawPeer } from '../transports/stream/doubles.js'

/** A client of CURVE that can be made to do wrong. */
export class CurvePeer {
  #sealer: Sealer | undefined

  private constructor(readonly raw: RawPeer) {}

  static async dial(url: string): Promise<CurvePeer> {
    const raw = await RawPeer.dial(url)
    raw.write(writeGreeting('CURVE'))
    await raw.read(64)
    return new CurvePeer(raw)
  }

  async hello(choice: Choice): Promise<void> {
    this.raw.write(curveClient(choice).begin())
  }

  /** Shakes hands, with `change` to its INITIATE; being cut off is no failure here. */
  async shake(choice: Choice = {}, change = (said: Uint8Array) => said): Promise<void> {
    const own = curveClient(choice)
    this.raw.write(own.begin())
    try {
      const initiate = own.receive(await this.#command())
      if (initiate.kind === 'answer') this.raw.write(change(initiate.words))
      const ready = own.receive(await this.#command())
      if (ready.kind !== 'done') throw new Error(ready.kind)
      this.#sealer = own.traffic().sealer
    } catch (error) {
      if (!/connection ended/.test(`${error}`)) throw error
    }
  }

  /** A subscription to `topic`, as the next frame of this connection. */
  sealed(topic: string): Uint8Array {
    return (this.#sealer as Sealer).seal(frame(4, subscribe(topic)))
  }

  async #command(): Promise<Uint8Array> {
    const flags = Number.parseInt(await this.raw.read(1), 16)
    const size = Number.parseInt(await this.raw.read((flags & 2) === 0 ? 1 : 8), 16)
    return Buffer.from(await this.raw.read(size), 'hex')
  }
}

export function subscribe(topic: string): Uint8Array {
  return Buffer.from(`\x09SUBSCRIBE${topic}`)
}

export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const other = bytes.slice()
  other[at] = (other[at] as number) ^ 1
  return other
}
