import t from 'tap'
import { tellLeft, watchConsumer, watchProducer } from '../../cli/notes.js'
import type { ConsumerEvents } from '../../lib/consumer.js'
import { Emitter } from '../../lib/emitter.js'
import { FanwireError } from '../../lib/errors.js'
import type { Link, ProducerEvents, ProducerStats } from '../../lib/producer-face.js'
import type { Fault } from '../../lib/transport.js'

const dropped = { newest: 0, oldest: 0, superseded: 0, evicted: 0, stalled: 7, expired: 0, exhausted: 0 }
const link = {
  remote: 'tcp://a:1',
  peer: { kind: 'fanwire' },
  ledger: () => ({ dropped }),
} as unknown as Link
const source = link as unknown as ConsumerEvents['link'][0]

function producer(verbose: boolean) {
  const said: string[] = []
  const events = new Emitter<ProducerEvents>()
  watchProducer(events, verbose, (line) => said.push(line))
  return { said, events }
}

function consumer(verbose: boolean) {
  const said: string[] = []
  const events = new Emitter<ConsumerEvents>()
  watchConsumer(events, verbose, (line) => said.push(line))
  return { said, events }
}

t.test('tells a fault once, until its peer was there again', async (t) => {
  const check = (said: readonly string[], fault: (fault: Fault) => void, linked: () => void) => {
    const refused = { code: 'CONNECT_FAILED', message: 'cannot connect to tcp://a:1' } as const
    const mad = { code: 'BAD_PEER', message: 'peer is mad' } as const
    const round = (stranger: string) => {
      fault({ ...refused, remote: 'tcp://a:1' })
      fault({ ...mad, remote: stranger })
    }
    round('tcp://b:2')
    round('tcp://b:3')
    const first = ['[CONNECT_FAILED] cannot connect to tcp://a:1', '[BAD_PEER] peer is mad (tcp://b:2)']
    t.same(said, first)
    linked()
    round('tcp://b:4')
    t.same(said, [...first, '[CONNECT_FAILED] cannot connect to tcp://a:1'])
  }
  const sending = producer(false)
  check(
    sending.said,
    (fault) => sending.events.emit('fault', fault),
    () => sending.events.emit('link', link),
  )
  const receiving = consumer(false)
  check(
    receiving.said,
    (fault) => receiving.events.emit('fault', fault),
    () => receiving.events.emit('link', source),
  )
})

t.test('forgets what it told before it has told too much', async (t) => {
  const { said, events } = producer(false)
  for (let i = 0; i < 1_001; i++) events.emit('fault', { code: 'BAD_PEER', message: `${i}` })
  events.emit('fault', { code: 'BAD_PEER', message: '1000' })
  events.emit('fault', { code: 'BAD_PEER', message: '0' })
  t.same(said.slice(1_000), ['[BAD_PEER] 1000', '[BAD_PEER] 0'])
})

t.test('tells of a link that was cut, and how much it lost', async (t) => {
  const { said, events } = producer(false)
  events.emit('unlink', link, new FanwireError('STALLED', 'tcp://a:1 took no byte for 30000 ms'))
  events.emit('unlink', link, new FanwireError('BAD_PEER', 'is told as a fault'))
  events.emit('unlink', link, undefined)
  t.same(said, ['[STALLED] tcp://a:1 took no byte for 30000 ms; dropped 7 messages for it'])
  const other = consumer(false)
  other.events.emit('unlink', source, new FanwireError('BUFFER_FULL', 'the inbox is at its limit'))
  t.same(other.said, ['[BUFFER_FULL] the inbox is at its limit (tcp://a:1)'])
})

t.test('keeps losses and links to itself unless asked', async (t) => {
  const tell = (verbose: boolean) => {
    const { said, events } = producer(verbose)
    events.emit('link', link)
    events.emit('slow', link)
    events.emit('drop', { link, reason: 'newest', count: 1 })
    events.emit('drop', { link: undefined, reason: 'refused', count: 2, cause: new Error('full') })
    events.emit('unlink', link, new Error('gone'))
    return said
  }
  t.same(tell(false), [])
  t.same(tell(true), [
    'linked with tcp://a:1 (fanwire)',
    'tcp://a:1 is slow, so that sending waits',
    'dropped 1 message for tcp://a:1 (newest)',
    'refused 2 messages: full',
    'no longer linked with tcp://a:1: gone',
  ])
  const receive = (verbose: boolean) => {
    const { said, events } = consumer(verbose)
    events.emit('link', source)
    events.emit('stream', { stream: 'A', run: 1, first: 5, link: source })
    events.emit('gap', { stream: 'A', from: 7, to: 9, missing: 2, state: 'lost' })
    events.emit('drop', { reason: 'oldest', count: 3 })
    events.emit('slow', { reason: 'inbox', link: source, message: 'slow' })
    events.emit('unlink', source, undefined)
    return said
  }
  t.same(receive(false), [])
  t.same(receive(true), [
    'linked with tcp://a:1 (fanwire)',
    'tcp://a:1 sends stream A from number 5',
    'gap in stream A: 2 messages from number 7 to 8, lost',
    'dropped 3 messages on arrival (oldest)',
    'slow',
    'no longer linked with tcp://a:1',
  ])
})

t.test('tells in the end what nobody got', async (t) => {
  const said: string[] = []
  const entry = { remote: 'tcp://a:1', waiting: 0, inFlight: 0 }
  const links = [entry, { ...entry, remote: 'tcp://a:2', waiting: 2, inFlight: 1 }]
  tellLeft({ links, unheard: 0 } as unknown as ProducerStats, (line) => said.push(line))
  tellLeft({ links: [], unheard: 1 } as unknown as ProducerStats, (line) => said.push(line))
  t.same(said, ['tcp://a:2 did not take 3 messages in time', 'sent 1 message while nobody was linked'])
})
