import t from 'tap'
import {
  type CloseOptions,
  type Consumer,
  type ConsumerOptions,
  createConsumer,
  createProducer,
  type LinkedOptions,
  type Producer,
  type ProducerOptions,
  pipe,
  type SendOptions,
} from '../../lib/index.js'

/** Both ends, linked; what is wrong may be refused at once or through the promise. */
async function ends(name: string): Promise<{ producer: Producer; consumer: Consumer; close(): Promise<void> }> {
  const producer = await createProducer(`inproc://${name}`)
  const consumer = await createConsumer(`inproc://${name}`)
  await producer.linked({ topic: 'a' })
  const close = async () => {
    await consumer.close()
    await producer.close()
  }
  return { producer, consumer, close }
}

/** What JavaScript may pass although the types say otherwise. */
function wrong<T>(value: unknown): T {
  return value as T
}

t.test('linked() of either end says what is wrong, rather than wait for ever or for nothing', async (t) => {
  const { producer, consumer, close } = await ends('linked')
  for (const [given, code, message] of [
    [{ count: 'x' }, 'BAD_OPTION', /count must be an integer of at least 1, got 'x'$/],
    [{ count: 0 }, 'BAD_OPTION', /count must be an integer of at least 1, got 0$/],
    [{ count: -1 }, 'BAD_OPTION', /count must be .*, got -1$/],
    [{ count: 1.5 }, 'BAD_OPTION', /count must be .*, got 1\.5$/],
    ['trades', 'BAD_OPTION', /the options of linked\(\) must be an object, got 'trades'$/],
    [null, 'BAD_OPTION', /the options of linked\(\) must be an object, got null$/],
    [{ topics: 'a' }, 'BAD_OPTION', /topics is not an option of linked\(\); did you mean topic\?$/],
    [{ topic: 5 }, 'BAD_OPTION', /topic must be a string, got 5$/],
    [{ topic: 'a\0' }, 'BAD_TOPIC', /must not hold U\+0000/],
    [{ signal: 3 }, 'BAD_OPTION', /signal must be an AbortSignal, got 3$/],
  ] as const) {
    for (const end of [producer, consumer]) {
      await t.rejects(end.linked(wrong<LinkedOptions>(given)), { name: 'FanwireError', code, message })
    }
  }
  await close()
})

t.test('hasSubscribers() wants a topic', async (t) => {
  const { producer, close } = await ends('subscribers')
  t.throws(() => producer.hasSubscribers(wrong<string>(5)), { code: 'BAD_OPTION', message: /topic must be a string/ })
  t.throws(() => producer.hasSubscribers('a\0'), { code: 'BAD_TOPIC' })
  t.equal(producer.hasSubscribers('a'), true)
  await close()
})

t.test('send() refuses a signal that is none, and options it does not know, and counts that', async (t) => {
  const { producer, close } = await ends('send')
  for (const [given, message] of [
    [{ signal: 3 }, /signal must be an AbortSignal, got 3$/],
    [{ signal: null }, /signal must be an AbortSignal, got null$/],
    [
      { sginal: undefined, signl: new AbortController().signal },
      /signl is not an option of send\(\); did you mean signal\?/,
    ],
    [5, /the options of send\(\) must be an object, got 5$/],
    [null, /the options of send\(\) must be an object, got null$/],
  ] as const) {
    await t.rejects(producer.send('a', 'b', wrong<SendOptions>(given)), { code: 'BAD_OPTION', message })
  }
  await producer.send('a', 'b', { signal: new AbortController().signal })
  t.match(producer.stats(), { accepted: 1, refused: 5 })
  await close()
})

t.test('flush() and close() of a producer refuse what they do not know, and do nothing then', async (t) => {
  const { producer, close } = await ends('flush')
  await t.rejects(producer.flush(wrong({ signal: 3 })), { code: 'BAD_OPTION', message: /signal must be/ })
  for (const [given, message] of [
    [5, /the options of close\(\) must be an object, got 5$/],
    [{ drain: 0 }, /drain is not an option of close\(\); did you mean drainMs\?$/],
    [{ drainMs: -1 }, /drainMs must be a number of milliseconds, 0 or more, got -1$/],
  ] as const) {
    await t.rejects(producer.close(wrong<CloseOptions>(given)), { code: 'BAD_OPTION', message })
  }
  await producer.send('a', 'b')
  await close()
})

t.test('loops and pipes refuse what they do not know before they begin', async (t) => {
  const { producer, consumer, close } = await ends('loops')
  for (const [given, message] of [
    [null, / must be an object, got null$/],
    [{ signal: 3 }, /signal must be an AbortSignal, got 3$/],
    [{ sginal: 3 }, /sginal is not an option of \w+\(\); did you mean signal\?$/],
  ] as const) {
    t.throws(() => consumer.messages(wrong(given)), { code: 'BAD_OPTION', message })
    t.throws(() => consumer.batches(wrong(given)), { code: 'BAD_OPTION', message })
    await t.rejects(pipe(consumer, producer, wrong(given)), { code: 'BAD_OPTION', message })
  }
  await t.rejects(pipe(wrong<Consumer>(5), producer), { code: 'BAD_OPTION', message: /consumer must be a consumer/ })
  await t.rejects(pipe(wrong<Consumer>(producer), producer), { code: 'BAD_OPTION', message: /got an object$/ })
  await t.rejects(pipe(consumer, wrong<Producer>(undefined)), {
    code: 'BAD_OPTION',
    message: /producer must be a producer/,
  })
  await producer.send('a', 'b')
  t.match(await consumer.messages().next(), { value: { topic: 'a' } })
  await close()
})

t.test('options that are null are refused where an end is made', async (t) => {
  const refused = { code: 'BAD_OPTION', message: /must be an object, got null$/ }
  await t.rejects(createProducer('inproc://null', wrong<ProducerOptions>(null)), refused)
  await t.rejects(createConsumer('inproc://null', wrong<ConsumerOptions>(null)), refused)
})

t.test('what an end was asked for after it was closed is CLOSED', async (t) => {
  const { producer, consumer, close } = await ends('closed')
  await close()
  const closed = { code: 'CLOSED', message: /is closed$/ }
  await t.rejects(producer.flush(), closed)
  await t.rejects(producer.linked(), closed)
  await t.rejects(consumer.linked(), closed)
  t.throws(() => consumer.subscribe('a'), closed)
  t.equal(consumer.unsubscribe('a'), consumer, 'there is nothing left to take back')
})
