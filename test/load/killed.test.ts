import { type Test, test } from 'tap'
import {
  balanceLink,
  balanceProducer,
  balanceStream,
  type Consumer,
  createConsumer,
  createProducer,
  type Link,
  type Producer,
} from '../../lib/index.js'
import { ownHost } from '../support/host.js'
import { Program } from '../support/program.js'
import type { ConsumerProgram } from '../support/programs/consumer.js'
import type { ProducerProgram } from '../support/programs/producer.js'

const ANY_PORT = `tcp://${ownHost}:0`
/** More than an inbox takes. */
const COUNT = 15_000
/** Sent by a producer that was started again. */
const AFTER = 100
const NAME = 'KILLED0000'
const SOON = '?reconnectMinMs=1&reconnectMaxMs=20'

test('a consumer is killed that has dialled: the producer’s ledger says what is unknown, and the next one has all', async (t) => {
  const producer = await createProducer(ANY_PORT)
  t.teardown(() => producer.close({ drainMs: 0 }))
  const url = producer.urls[0] as string
  const killed = await start<ConsumerProgram>(t, 'consumer')
  await killed.call('open', { url })
  await producer.linked()
  await send(producer, COUNT)
  await settled(producer)
  await checkUnknown(t, producer, () => killed.kill())
  t.strictSame(producer.links, [])

  const next = await start<ConsumerProgram>(t, 'consumer')
  await next.call('open', { url })
  await producer.linked()
  const taken = next.call('take', COUNT)
  await send(producer, COUNT)
  t.strictSame(await taken, { messages: COUNT, disordered: 0, unbalanced: [] })
  await producer.flush()
  t.match(producer.stats().links, [{ considered: COUNT, handed: COUNT, acknowledged: COUNT }])
  t.equal(balanceProducer(producer.stats()), undefined)
})

test('a consumer is killed that listens: the producer’s ledger says what is unknown, and it returns to the next one', async (t) => {
  const killed = await start<ConsumerProgram>(t, 'consumer')
  const url = await killed.call('open', { url: ANY_PORT, options: { role: 'listen' } })
  const producer = await createProducer(url + SOON, { role: 'dial', overflow: 'drop:newest' })
  t.teardown(() => producer.close({ drainMs: 0 }))
  await producer.linked()
  await send(producer, COUNT)
  await settled(producer)
  await checkUnknown(t, producer, () => killed.kill())
  t.equal(producer.links.length, 1, 'what was dialled stays')

  const next = await start<ConsumerProgram>(t, 'consumer')
  await next.call('open', { url, options: { role: 'listen' } })
  await producer.linked()
  const taken = next.call('take', 100)
  await send(producer, 100)
  const { messages, disordered, unbalanced } = await taken
  t.ok(messages >= 100)
  t.strictSame({ disordered, unbalanced }, { disordered: 0, unbalanced: [] })
  await producer.flush()
  const [link] = producer.stats().links
  t.equal(link?.acknowledged, link?.handed)
  t.equal(link && balanceLink(link), undefined)
})

test('a producer is killed that listens: the stream ends with an unknown tail, and the consumer returns to the next one', async (t) => {
  const killed = await start<ProducerProgram>(t, 'producer')
  const options = { stream: NAME }
  const url = await killed.call('open', { url: ANY_PORT, options })
  const consumer = await createConsumer(url + SOON)
  t.teardown(() => consumer.close())
  await checkTail(t, consumer, killed, async () => {
    const next = await start<ProducerProgram>(t, 'producer')
    await next.call('open', { url, options })
    return next
  })
})

test('a producer is killed that has dialled: the stream ends with an unknown tail, and the next one finds the consumer', async (t) => {
  const consumer = await createConsumer(ANY_PORT, { role: 'listen' })
  t.teardown(() => consumer.close())
  const url = consumer.urls[0] as string
  const open = async () => {
    const producer = await start<ProducerProgram>(t, 'producer')
    await producer.call('open', { url, options: { role: 'dial', stream: NAME } })
    return producer
  }
  await checkTail(t, consumer, await open(), open)
})

async function start<C extends ConsumerProgram | ProducerProgram>(t: Test, name: string): Promise<Program<C>> {
  const program = Program.start<C>(name)
  t.teardown(() => program.kill())
  return program
}

async function send(producer: Producer, count: number): Promise<void> {
  const data = Buffer.alloc(100)
  for (let i = 0; i < count; i++) await producer.send('killed', data)
}

/** Resolves when the system has taken everything; a full inbox does not say that it has it. */
async function settled(producer: Producer): Promise<void> {
  const waits = ({ waiting, inFlight }: ReturnType<Link['ledger']>) => waiting + inFlight > 0
  while (producer.links.some((link) => waits(link.ledger()))) await new Promise((resolve) => setImmediate(resolve))
}

/** Kills a consumer that has not taken all, and looks at what its producer says about that. */
async function checkUnknown(t: Test, producer: Producer, kill: () => Promise<void>): Promise<void> {
  const gone = new Promise<ReturnType<Link['ledger']>>((resolve) => {
    producer.once('unlink', (link) => resolve(link.ledger()))
  })
  await kill()
  const ledger = await gone
  const { considered, handed, inFlight, acknowledged = -1, unknown } = ledger
  t.equal(balanceLink(ledger), undefined)
  t.equal(considered, COUNT)
  t.ok(acknowledged >= 0, 'a fanwire consumer acknowledges')
  t.ok((unknown ?? 0) > 0, 'a full inbox had not acknowledged all')
  t.equal(unknown, handed + inFlight - acknowledged)
  t.equal(balanceProducer(producer.stats()), undefined)
  t.comment(`handed ${handed}, acknowledged ${acknowledged}, unknown ${unknown}`)
}

/** Kills a producer while it sends, and looks at what the consumer says about it and the one that comes after. */
async function checkTail(
  t: Test,
  consumer: Consumer,
  killed: Program<ProducerProgram>,
  restart: () => Promise<Program<ProducerProgram>>,
): Promise<void> {
  const gaps: number[] = []
  consumer.on('gap', ({ missing }) => gaps.push(missing))
  await killed.call('linked', {})
  // It would go on for minutes.
  const published = killed.call('publish', { count: 100_000_000, bytes: 100 }).catch(({ message }: Error) => message)
  const unlinked = new Promise<void>((resolve) => consumer.once('unlink', () => resolve()))
  let disordered = 0
  let restarted: Promise<unknown> | undefined
  /** How many messages came before the restart, and since. */
  let before = 0
  let after = 0
  // A consumer that does not take what has come does not see what is behind it, the end of the connection included.
  for await (const { sequence } of consumer) {
    if (sequence === before + 1) before++
    else if (sequence === after + 1) after++
    else disordered++
    if (before === COUNT)
      restarted ??= killed
        .kill()
        .then(() => unlinked)
        .then(restart)
        .then(publishAgain)
    if (after === AFTER) break
  }
  await restarted
  t.equal(await published, 'producer has ended')
  t.equal(disordered, 0)
  t.strictSame(gaps, [], 'what nobody knows of is no gap')
  const [old, young, ...others] = consumer.stats().streams
  t.strictSame(others, [])
  t.equal(old && balanceStream(old), undefined)
  t.equal(young && balanceStream(young), undefined)
  t.match(old, { stream: NAME, live: false, tail: 'unknown', first: 1, next: before + 1, received: before, lost: 0 })
  t.match(young, { stream: NAME, live: true, first: 1, next: AFTER + 1, received: AFTER, lost: 0 })
  t.notOk(young && 'tail' in young, 'the end of a stream that goes on is not unknown')
  t.not(old?.run, young?.run)
  t.comment(`${before} messages before the end`)
}

async function publishAgain(producer: Program<ProducerProgram>): Promise<void> {
  await producer.call('linked', {})
  await producer.call('publish', { count: AFTER, bytes: 100 })
}
