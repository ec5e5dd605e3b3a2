import t from 'tap'
import { createConsumer, createProducer, type Fault, type OverflowChoice } from '../../lib/index.js'

/** `overflow` may be a function of the user's, and that may have a mistake. */

const mistakes: readonly [what: string, answer: () => OverflowChoice, fault: object][] = [
  [
    'throws',
    () => {
      throw new TypeError('no such customer')
    },
    {
      code: 'BAD_OPTION',
      message: /^overflow\(\) failed for (tcp|inproc):\/\/.*: no such customer$/,
      cause: { name: 'TypeError' },
    },
  ],
  [
    'returns no policy',
    () => 'block' as OverflowChoice,
    { code: 'BAD_OPTION', message: /^what overflow\(\) returns must be / },
  ],
]

for (const url of ['tcp://127.0.0.1:0', 'inproc://mistakes']) {
  for (const [what, answer, fault] of mistakes) {
    t.test(
      `a function for overflow that ${what} costs that link, and is told as its own mistake: ${url}`,
      async (t) => {
        const producer = await createProducer(url, {
          overflow: ({ want }) => (want === 'drop:newest' ? answer() : 'backpressure'),
        })
        t.teardown(() => producer.close({ drainMs: 0 }))
        const told = new Promise<Fault>((resolve) => producer.once('fault', resolve))
        const unlucky = await createConsumer(producer.urls[0] as string, { want: 'drop:newest' })
        t.match(await told, { ...fault, remote: String })
        t.strictSame(
          producer.links.filter(({ state }) => state === 'open'),
          [],
        )
        await unlucky.close()
        const lucky = await createConsumer(producer.urls[0] as string)
        t.teardown(() => lucky.close())
        await producer.linked()
        await producer.send('a', 'the producer goes on')
        for await (const message of lucky) {
          t.equal(message.text(), 'the producer goes on')
          break
        }
      },
    )
  }
}
