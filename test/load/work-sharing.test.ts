import { setInterval } from 'node:timers/promises'
import t from 'tap'
import { WorkSharing } from '../support/work-sharing.js'

const COUNT = 100_000
const WORKERS = 4
const KILL_EVERY_MS = 200
/** A process takes longer to start than that. */
const SPARES = 12

t.test(
  `of ${COUNT} tasks none is lost while one of ${WORKERS} workers is killed every ${KILL_EVERY_MS} ms`,
  async (t) => {
    const sharing = await WorkSharing.open(t, { size: 16, ms: 2 })
    await sharing.prepare(WORKERS + SPARES)
    for (let i = 0; i < WORKERS; i++) await sharing.hire()
    const sending = sharing.send(COUNT)
    const all = new AbortController()
    let killed = 0
    async function kill(): Promise<void> {
      for await (const _ of setInterval(KILL_EVERY_MS, undefined, { signal: all.signal })) {
        const hired = sharing.hire()
        await sharing.dismiss()
        killed++
        await hired
        sharing.prepare(1).catch(() => undefined)
      }
    }
    const killing = kill().catch((error) => {
      if (!all.signal.aborted) throw error
    })
    await sharing.until(COUNT)
    all.abort()
    await killing
    await sending
    await sharing.tasks.flush()
    t.equal(sharing.done.size, COUNT)
    t.equal(sharing.repeated.unmarked, 0)
    const { waiting, returned, redelivered, ended } = sharing.tasks.stats()
    t.comment(`${killed} were killed, ${returned} tasks came back, ${sharing.repeated.marked} were done again`)
    t.ok(killed > 5)
    t.strictSame({ waiting, redelivered }, { waiting: 0, redelivered: returned })
    t.equal(ended[0]?.returned, returned)
    t.equal(sharing.imbalance, undefined)
  },
)

t.test(`${COUNT} tasks are spread over ${WORKERS} workers within 10 %`, async (t) => {
  const sharing = await WorkSharing.open(t, { size: 16, ms: 0 })
  for (let i = 0; i < WORKERS; i++) await sharing.hire()
  const sending = sharing.send(COUNT)
  await sharing.until(COUNT)
  await sending
  await sharing.tasks.flush()
  const counts = sharing.tasks.stats().links.map(({ considered }) => considered)
  t.equal(counts.length, WORKERS)
  for (const count of counts) t.ok(Math.abs(count - COUNT / WORKERS) <= COUNT / WORKERS / 10, `${counts}`)
  t.equal(sharing.repeated.marked, 0)
  t.equal(sharing.imbalance, undefined)
})
