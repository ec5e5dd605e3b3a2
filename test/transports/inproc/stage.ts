import { parseAddress } from '../../../lib/address.js'
import { Consumer } from '../../../lib/consumer.js'
import { type ConsumerOptions, checkConsumerOptions } from '../../../lib/consumer-options.js'
import { Producer } from '../../../lib/producer.js'
import { checkProducerOptions, type ProducerOptions } from '../../../lib/producer-options.js'
import { Retention } from '../../../lib/retention.js'
import type { Context, Fault } from '../../../lib/transport.js'
import { inproc } from '../../../transports/inproc/index.js'
import { FakePlatform } from '../../lib/support/fake-platform.js'

/** Real producers and consumers that meet in the room while its clock stands still. */
export class Stage {
  readonly platform = new FakePlatform()
  readonly faults: (Fault & { readonly of: string })[] = []
  #count = 0

  constructor() {
    this.platform.listening = false
  }

  async produce(url: string | readonly string[], options: ProducerOptions = {}): Promise<Producer> {
    const addresses = [url].flat().map(parseAddress)
    const [checked] = checkProducerOptions(options, addresses, [inproc])
    if (checked === undefined) throw new Error('options of no transport')
    const { overflow: policy, overflowOf: overflow, memory, retain } = checked
    const producer = new Producer(this.platform, {
      ...checked,
      stream: checked.stream ?? this.#name('P'),
      policy,
      overflow,
      memoryBytes: memory.bytes,
      retention: new Retention(retain),
    })
    const context = {
      ...this.#context(options, 'producer'),
      stream: producer.stream,
      log: producer.log.bind(producer),
      changed: () => undefined,
    }
    producer.on('fault', (fault) => this.faults.push({ of: 'producer', ...fault }))
    producer.attach(
      await inproc.produce(addresses, { ...context, fault: (fault) => producer.fault(fault) }),
      inproc.traits,
    )
    return producer
  }

  async consume(url: string, options: ConsumerOptions = {}): Promise<Consumer> {
    const address = parseAddress(url)
    const [checked] = checkConsumerOptions(options, [address], [inproc])
    if (checked === undefined) throw new Error('options of no transport')
    const id = checked.id ?? this.#name('C')
    const consumer = new Consumer(this.platform, { ...checked, id })
    const open = consumer.open.bind(consumer)
    const context = { ...this.#context(options, 'consumer'), id, from: checked.from, want: checked.want, open }
    consumer.on('fault', (fault) => this.faults.push({ of: 'consumer', ...fault }))
    consumer.attach(await inproc.consume(address, { ...context, fault: (fault) => consumer.fault(fault) }))
    return consumer
  }

  #context({ role, signal, maxMessageBytes }: ProducerOptions | ConsumerOptions, kind: string): Omit<Context, 'fault'> {
    return {
      platform: this.platform,
      role: role ?? (inproc.listens === kind ? 'listen' : 'dial'),
      pattern: 'publish',
      options: {},
      maxMessageBytes: maxMessageBytes ?? 16_777_216,
      signal,
    }
  }

  #name(letter: string): string {
    return `${letter}${String(++this.#count).padStart(9, '0')}`
  }
}

/** All that waits in a consumer's inbox, as text. */
export async function take(consumer: Consumer): Promise<string[]> {
  const { messages } = consumer.stats().inbox
  const taken: string[] = []
  for await (const message of messages === 0 ? [] : consumer) {
    taken.push(`${message.sequence} ${message.topic} ${message.text()}`)
    if (taken.length === messages) break
  }
  return taken
}
