import assert from 'node:assert/strict'
import t from 'tap'
import { testTransport } from '../../../lib/conformance/index.js'
import { createConsumer, createProducer } from '../../../lib/index.js'
import type { ConsumerPort, Traits, Transport } from '../../../lib/transport.js'
import { inproc } from '../../../transports/inproc/index.js'

/** The suite itself: a transport that breaks its word must be caught, and one that gives none is not asked. */

interface Test {
  readonly name: string
  readonly skip: string | false
  readonly body: () => Promise<void>
}

function testsOf(transport: Transport): Test[] {
  const tests: Test[] = []
  let count = 0
  testTransport(
    {
      test: (name, { skip }, body) => tests.push({ name, skip, body }),
      assert,
      createProducer,
      createConsumer,
    },
    { transport, freshUrl: () => `inproc://suite-${++count}`, listeners: ['producer'], seeds: [1] },
  )
  return tests
}

/** Inproc, but for what a consumer's links are told. */
function broken(breakPort: (port: ConsumerPort) => Partial<ConsumerPort>): Transport {
  return {
    ...inproc,
    consume: (address, context) =>
      inproc.consume(address, {
        ...context,
        open(remote, origin) {
          const port = context.open(remote, origin)
          const breaks = breakPort(port)
          return new Proxy(port, {
            get(_, name: keyof ConsumerPort) {
              const own = breaks[name] ?? port[name]
              return typeof own === 'function' && breaks[name] === undefined ? own.bind(port) : own
            },
          })
        },
      }),
  }
}

type Message = Parameters<ConsumerPort['message']>

const breaches: readonly (readonly [what: string, transport: Transport, caughtBy: RegExp])[] = [
  [
    'loses a message now and then',
    broken((port) => {
      let count = 0
      return { message: (...message) => (++count % 100 === 0 ? true : port.message(...message)) }
    }),
    /^keeps the order of 20,000 messages, one by one/,
  ],
  [
    'delivers a message twice now and then',
    broken((port) => {
      let count = 0
      return {
        message: (...message) => (++count % 100 === 0 && !port.message(...message) ? false : port.message(...message)),
      }
    }),
    /^keeps the order of 20,000 messages, one by one/,
  ],
  [
    'lets messages overtake each other',
    broken((port) => {
      let held: Message | undefined
      let count = 0
      return {
        message(...message) {
          if (++count % 100 === 0) {
            held = message
            return true
          }
          const late = held
          held = undefined
          return port.message(...message) && (late === undefined || port.message(...late))
        },
      }
    }),
    /^keeps the order of 20,000 messages, one by one/,
  ],
  [
    'changes a byte of a large message',
    broken((port) => ({
      message(chunk, ...ranges) {
        const [, , dataStart, dataEnd] = ranges
        if (dataEnd - dataStart < 65_536) return port.message(chunk, ...ranges)
        const copy = new Uint8Array(chunk)
        copy[dataEnd - 1] = (copy[dataEnd - 1] as number) ^ 1
        return port.message(Buffer.from(copy.buffer), ...ranges)
      },
    })),
    /^brings every size/,
  ],
  [
    'takes what is filtered for dropped',
    broken((port) => ({ skipped: (count) => port.skipped(count, 'dropped') })),
    /^passes over at the producer/,
  ],
  [
    'miscounts what is passed over',
    broken((port) => ({ skipped: (count, reason) => port.skipped(count + 1, reason) })),
    /^passes over at the producer/,
  ],
  [
    'forgets to unsubscribe',
    broken((port) => ({
      connected: (carrier, peer) => {
        const forgetful = Object.create(carrier, { unsubscribe: { value: () => undefined } })
        return port.connected(forgetful, peer)
      },
    })),
    /^holds a subscription made at run time/,
  ],
  [
    'begins where it likes',
    broken((port) => ({ connected: (...peer) => ({ ...port.connected(...peer), from: 'now' }) })),
    /^begins with what is retained/,
  ],
]

t.test('a transport that breaks its word is caught', async (t) => {
  for (const [what, transport, caughtBy] of breaches) {
    const [test, ...others] = testsOf(transport).filter(({ name }) => caughtBy.test(name))
    t.same([typeof test?.body, others], ['function', []])
    const [honest] = testsOf(inproc).filter(({ name }) => caughtBy.test(name))
    await t.resolves(honest?.body() ?? Promise.reject(), `inproc: ${honest?.name}`)
    await t.rejects(test?.body() ?? Promise.resolve(), `who ${what}: ${test?.name}`)
  }
})

t.test('what a transport does not promise is skipped, and the trait named', async (t) => {
  const skips = (traits: Partial<Traits>) =>
    testsOf({ ...inproc, traits: { ...inproc.traits, ...traits } }).map(({ name, skip }) => [name, skip] as const)
  const reasonOf = (traits: Partial<Traits>, begin: string) =>
    skips(traits).find(([name]) => name.startsWith(begin))?.[1]
  t.equal(reasonOf({}, 'keeps the order of 20,000 messages, one by one'), false)
  t.equal(reasonOf({ ordered: false }, 'keeps the order of 20,000 messages, one by one'), 'ordered is not promised')
  t.equal(reasonOf({ numbers: 'none' }, 'numbers messages from 1'), 'numbers is none, not counted')
  t.equal(reasonOf({ flowControlled: false }, 'makes send() wait'), 'flowControlled is not promised')
  t.equal(reasonOf({ filtersAtProducer: false }, 'passes over at the producer'), 'filtersAtProducer is not promised')
  t.equal(reasonOf({}, 'accounts for every number'), 'reliable is promised')
})
