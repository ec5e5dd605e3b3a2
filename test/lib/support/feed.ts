import { Consumer, type ConsumerSettings } from '../../../lib/consumer.js'
import type { Loop } from '../../../lib/loop.js'
import type { Message } from '../../../lib/message.js'
import type { ConsumerCarrier, ConsumerPort, SourcePeer, StartFrom } from '../../../lib/transport.js'
import { FakePlatform, settled } from './fake-platform.js'

const text = new TextDecoder()

/** A connection of which a test plays the producer's part. */
export class Feed implements ConsumerCarrier {
  readonly heard: string[] = []
  readonly acknowledged: number[] = []
  resumes = 0
  closed: Error | undefined | null = null
  from: StartFrom | undefined
  prefixes: string[] = []

  constructor(readonly port: ConsumerPort) {}

  connect(peer: SourcePeer = { kind: 'fanwire' }): this {
    const { prefixes, from } = this.port.connected(this, peer)
    this.prefixes = prefixes.map((prefix) => text.decode(prefix))
    this.from = from
    return this
  }

  start(next = 1, stream = 'STREAM0001', run = 1): this {
    this.port.started({ stream, run, next, oldest: 1, allowance: 1_000 })
    return this
  }

  bring(...messages: readonly string[]): boolean[] {
    return messages.map((message) => {
      const [topic = '', data = ''] = message.split(':')
      const chunk = Buffer.from(topic + data)
      return this.port.message(chunk, 0, topic.length, topic.length, chunk.length)
    })
  }

  resume(): void {
    this.resumes++
  }

  subscribe(prefix: Uint8Array): void {
    this.heard.push(`+${text.decode(prefix)}`)
  }

  unsubscribe(prefix: Uint8Array): void {
    this.heard.push(`-${text.decode(prefix)}`)
  }

  acknowledge(messages: number): void {
    this.acknowledged.push(messages)
  }

  close(reason?: Error): void {
    this.closed = reason
  }
}

/** A consumer whose sources a test plays. */
export function scene(settings: Partial<ConsumerSettings> = {}) {
  const platform = new FakePlatform()
  const consumer = new Consumer(platform, {
    id: 'CONSUMER01',
    topics: [''],
    overflow: {
      policy: 'backpressure',
      limit: { messages: 4, bytes: 1_000_000 },
      timeoutMs: Infinity,
      then: 'disconnect',
    },
    from: 'now',
    acknowledge: 'taken',
    onLoss: 'skip',
    lines: 'arbitrate',
    holdMs: 1_000,
    codec: undefined,
    ...settings,
  })
  const feed = (remote = 'source', origin: 'accepted' | 'dialled' = 'dialled') =>
    new Feed(consumer.open(remote, origin))
  return { platform, consumer, feed }
}

/** What a loop takes until nothing is left. */
export async function taken(consumer: Consumer): Promise<string[]> {
  const seen: string[] = []
  const loop: Loop<Message> = consumer.messages()
  const take = async () => {
    for await (const message of loop) seen.push(`${message.topic}:${message.text()}`)
  }
  const done = take()
  await settled(50)
  await loop.return()
  await done
  return seen
}
