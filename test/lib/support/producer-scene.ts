import { zmtpFraming } from '../../../lib/framing/zmtp/framing.js'
import { checkOverflow, type OverflowText } from '../../../lib/overflow.js'
import { Producer, type ProducerSettings } from '../../../lib/producer.js'
import type { Link } from '../../../lib/producer-face.js'
import type { ProducerLink } from '../../../lib/producer-link.js'
import { Retention } from '../../../lib/retention.js'
import type { Peer, StartFrom } from '../../../lib/transport.js'
import { FakeDisk } from './fake-disk.js'
import { FakePeer } from './fake-peer.js'
import { FakePlatform } from './fake-platform.js'

export interface Joining {
  readonly prefixes?: readonly string[]
  readonly from?: StartFrom
  /** How many bytes the kernel takes for a peer that does not read. @default Infinity */
  readonly kernelBytes?: number
  /** How many messages go into one write. @default Infinity */
  readonly runMessages?: number
  readonly kind?: Peer['kind']
  readonly peer?: Partial<Peer>
  /** Which log it reads. @default 0 */
  readonly log?: number
}

/** A producer whose peers a test plays, as many logs as it likes, and a clock that it moves. */
export class ProducerScene {
  readonly disk = new FakeDisk()
  readonly platform = new FakePlatform(1, this.disk)
  readonly producer: Producer
  readonly memoryBytes: number

  /** @param overflow an answer for all links, or one for each */
  constructor(
    overflow: OverflowText | ((link: Link) => OverflowText) = 'backpressure',
    settings: Partial<ProducerSettings> = {},
    logs = 1,
  ) {
    this.platform.listening = false
    this.memoryBytes = settings.memoryBytes ?? 64 * 1024 * 1024
    const answer = typeof overflow === 'string' ? () => overflow : overflow
    this.producer = new Producer(this.platform, {
      stream: 'STREAM0001',
      policy: this.#policy('backpressure'),
      overflow: (link) => this.#policy(answer(link)),
      maxMessageBytes: 1024 * 1024,
      stallMs: 30_000,
      unacknowledgedBytes: Infinity,
      retention: new Retention(undefined),
      codec: undefined,
      ...settings,
      memoryBytes: this.memoryBytes,
    })
    for (let log = 0; log < logs; log++) this.#log(log)
  }

  /** A peer dials, and begins. */
  join(joining: Joining = {}): { link: ProducerLink; peer: FakePeer } {
    const link = this.#log(joining.log).open('peer', 'accepted')
    return { link, peer: this.connect(link, joining) }
  }

  /** A link that the producer dials. */
  dial(log = 0): ProducerLink {
    return this.#log(log).open('peer', 'dialled')
  }

  connect(link: ProducerLink, joining: Joining = {}): FakePeer {
    const { kind = 'fanwire', prefixes = [''], from = 'now', peer } = joining
    const { kernelBytes = Infinity, runMessages = Infinity } = joining
    return new FakePeer({ kind, kernelBytes, runMessages }).connect(link, prefixes, from, peer)
  }

  send(...messages: readonly string[]): void {
    for (const message of messages) {
      const [topic = '', data = ''] = message.split(':')
      this.producer.send(topic, data)
    }
  }

  /** Everybody reads and acknowledges until nothing moves. */
  settle(...peers: readonly FakePeer[]): void {
    for (let round = 0; round < 1_000; round++) {
      const moved = this.platform.turn()
      const unread = peers.reduce((sum, peer) => sum + peer.unread, 0)
      if (moved + unread === 0) return
      for (const peer of peers) {
        peer.receive()
        peer.acknowledge()
      }
    }
    throw new Error('still moving')
  }

  #policy(overflow: OverflowText) {
    return checkOverflow(overflow, 'producer', this.memoryBytes)
  }

  #log(index = 0) {
    return this.producer.log(index === 0 ? zmtpFraming : { ...zmtpFraming, name: `zmtp ${index}` })
  }
}

/** What a peer has read, as `topic:data`. */
export function texts(peer: FakePeer): string[] {
  return peer.read.map(({ topic, data }) => `${topic}:${Buffer.from(data).toString()}`)
}
